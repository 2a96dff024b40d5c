"""A small real model behind the OpenAI API, for `make demo-local-model`. `serve.py` runs in an environment of its own."""
