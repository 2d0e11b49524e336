"""What both Django peers share: the settings that Django's deployment checklist asks for."""

import os
from pathlib import Path

DATA = Path(os.environ["DATA"])
SECRET_KEY = os.environ["SECRET"]
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# One connection for each worker's life, as the checklist recommends.
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA / "db.sqlite3", "CONN_MAX_AGE": None}}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
if os.environ.get("HASH") == "argon2id":
    PASSWORD_HASHERS = ["django_argon2.Argon2"]
