"""What works together with packages that PICSWeb may or may not have. Nothing in here is imported by the rest."""
