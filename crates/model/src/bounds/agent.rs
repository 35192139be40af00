//! What workloads can make grow on the node they run on.

use super::row::bounds;

bounds! {}
