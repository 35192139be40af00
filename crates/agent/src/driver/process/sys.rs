//! What has to happen between fork and exec, and waiting for descriptors: the one place with `unsafe` code.
//!
//! Between the two only system calls are allowed, no allocation and no locks, because another thread of the agent may have
//! held them at the fork. Everything needed is prepared before.
#![allow(
    unsafe_code,
    reason = "code between fork and exec cannot be safe; neither can registering a descriptor with the runtime"
)]

use rustix::io::FdFlags;
use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};
use rustix::process::{Gid, Resource, Rlimit, Uid};
use rustix::thread::UnshareFlags;
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use tokio::process::Command;

/// What the new process does before it becomes the program.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// `cgroup.procs` files that it joins, opened for writing.
    pub join: Vec<File>,
    /// Bound in a mount namespace of its own: from, to.
    pub stage: Vec<(CString, CString)>,
    /// The account that it becomes, for good.
    pub account: Option<(u32, u32)>,
    /// Descriptors that stay open across exec, under their own numbers.
    pub keep: Vec<OwnedFd>,
}

/// Makes the command do all of it. The first failure ends the start with that error.
pub(super) fn prepare(command: &mut Command, before: Before) {
    let act = move || -> io::Result<()> {
        // A session of its own: the agent's terminal and its signals are none of its business.
        rustix::process::setsid()?;
        for procs in &before.join {
            rustix::io::write(procs, b"0")?;
        }
        if !before.stage.is_empty() {
            // SAFETY: this process has one thread, and a new mount namespace leaves its descriptors alone.
            unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS)? };
            mount_change(c"/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
        }
        for (from, to) in &before.stage {
            mount_bind(from.as_c_str(), to.as_c_str())?;
        }
        // A core dump would put a tenant's memory somewhere on the node.
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        rustix::process::setrlimit(Resource::Core, none)?;
        if let Some((uid, gid)) = before.account {
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
            rustix::thread::set_thread_groups(&[])?;
            rustix::thread::set_thread_res_gid(gid, gid, gid)?;
            rustix::thread::set_thread_res_uid(uid, uid, uid)?;
        }
        rustix::thread::set_no_new_privs(true)?;
        for fd in &before.keep {
            rustix::io::fcntl_setfd(fd, FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: `act` makes system calls only; it neither allocates nor takes locks.
    unsafe { command.pre_exec(act) };
}

/// Waits until a descriptor can be read, which for a process descriptor means that the process has ended.
pub(super) async fn readable(fd: OwnedFd) -> io::Result<()> {
    // SAFETY: the descriptor is owned by the registration and by nothing else, so it stays open and the same until both end.
    let fd = unsafe { tokio::io::unix::AsyncFd::register_with_interest(fd, tokio::io::Interest::READABLE)? };
    fd.readable().await.map(drop)
}
