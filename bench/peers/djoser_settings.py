"""Django + Simple JWT by way of djoser: access and refresh tokens are stateless JWTs (HS256), not rotated by default."""

from django_common import *  # noqa: F403

ROOT_URLCONF = "djoser_urls"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "djoser"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
    # The browsable API is for development.
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
SIMPLE_JWT = {"AUTH_HEADER_TYPES": ["JWT"]}
