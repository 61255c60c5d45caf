"""The example PICSWeb with other themes of the admin, each as its settings: ``tests.browser.themes.unfold``."""
