"""The outcomes of a case, one class in one module each."""
