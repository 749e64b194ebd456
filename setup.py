"""What pyproject.toml cannot say yet: the compiled twins of libsocket.

Where nothing can be compiled they are left out, and plain Python does the same: see libsocket/compiled.py.
"""

from setuptools import Extension, setup

TWINS = ("_sockopt", "_addressing", "_messages")

setup(
    ext_modules=[
        Extension(
            f"libsocket.{twin}", [f"libsocket/{twin}.c"], depends=["libsocket/_exception.h"], optional=True
        )
        for twin in TWINS
    ]
)
