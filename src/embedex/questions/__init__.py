"""The questions: a module for each kind, functions of what a collection holds.

Each function answers the method of `embedex.collection.Collection` that calls it; arguments, units and errors are the
method's.
"""
