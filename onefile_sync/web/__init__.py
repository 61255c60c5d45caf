"""The pages outside the admin, the panel on a learner's page, and the texts and links that pages share.

In: requests. Out: HTML and JSON. Called by ``urls``, ``admin`` and the template tag; asks ``access`` and ``services``.
"""
