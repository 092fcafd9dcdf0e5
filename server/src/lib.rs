//! Framescope's server as a library.
