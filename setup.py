"""What pyproject.toml cannot say yet: the compiled twins of libsocket.

Where nothing can be compiled they are left out, and plain Python does the same: see libsocket/compiled.py.
"""

from setuptools import Extension, setup

TWINS = ("_sockopt", "_addressing", "_messages")

# Without what a debugger would read, which is seven eighths of them.
setup(
    ext_modules=[
        Extension(f"libsocket.{twin}", [f"libsocket/{twin}.pyx"], extra_compile_args=["-g0"], optional=True)
        for twin in TWINS
    ]
)
