//! What people, keys and providers can make grow.

use super::row::bounds;

bounds! {}
