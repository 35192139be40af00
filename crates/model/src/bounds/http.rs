//! Connections, requests and answers.

use super::row::bounds;

bounds! {}
