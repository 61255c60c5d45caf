"""A OneFile to practise on: a real HTTP server that behaves as OneFile's public documentation describes.

For the demo, the tests, the benchmark, and for developers of PICSWeb. It needs the extra ``sandbox``.
"""
