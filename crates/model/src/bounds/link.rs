//! What nodes send and hold.

use super::row::bounds;

bounds! {}
