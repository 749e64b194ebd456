"""What pyproject.toml has no settled word for: the compiled twins of libsocket.

Where nothing can be compiled they are left out, and plain Python does the same: see libsocket/compiled.py.
"""

from setuptools import Extension, setup

TWINS = ("_calls", "_messages")

setup(
    ext_modules=[
        Extension(
            f"libsocket.{twin}", [f"libsocket/{twin}.c"], depends=["libsocket/_raised.h"], optional=True
        )
        for twin in TWINS
    ]
)
