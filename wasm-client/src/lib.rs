//! What JavaScript sees of the codec.
