"""The JSON API, one file per resource. Each declares its endpoints; `app.py` joins them."""
