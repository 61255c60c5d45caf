"""A OneFile to practise on: a real HTTP server that behaves as the public record says OneFile does.

For the demo, the tests, the benchmark, and for developers of PICSWeb. It needs the extra ``sandbox``.
"""
