"""What turns documents and questions into vectors."""
