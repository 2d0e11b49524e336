"""Django's Argon2 with the parameters of ours, as its documentation says to set them."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    time_cost = 2
    memory_cost = 19456
    parallelism = 1
