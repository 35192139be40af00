//! Ceilings of workloads and workspaces.

use super::row::bounds;

bounds! {}
