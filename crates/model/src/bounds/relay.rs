//! What players and bots of matches can make grow.

use super::row::bounds;

bounds! {}
