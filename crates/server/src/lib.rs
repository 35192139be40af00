

pub mod fleet;
pub mod job;
pub mod realtime;
pub mod template;
pub mod workload;
