"""Making text uniform before anything is measured: `texts` decides, `kernels` rewrites bytes."""
