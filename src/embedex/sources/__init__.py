"""Where records and pictures come from: a person's own files, PokéAPI, its tables, npm packages, a drawn sample."""
