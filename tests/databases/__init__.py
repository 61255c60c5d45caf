"""PICSWeb in a database of its own, and a replica that lags: settings for each, and the tests that run under them."""
