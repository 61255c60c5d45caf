"""Integrations with packages that PICSWeb may have. The rest of onefile_sync does not import them."""
