"""One file per way to start kernels; each has a ``BACKEND`` that ``kernels.backend`` finds by itself."""
