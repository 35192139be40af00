//! What has to happen between fork and exec, and waiting for descriptors: the one place with `unsafe` code.
//!
//! Between the two only system calls are allowed, no allocation and no locks, because another thread of the agent may have
//! held them at the fork. Everything needed is prepared before.
#![allow(
    unsafe_code,
    reason = "code between fork and exec cannot be safe; neither can registering a descriptor with the runtime"
)]

use ostler_model::bounds::agent::PROCESS_DESCRIPTORS as DESCRIPTORS;
use rustix::fs::{Mode, OFlags};
use rustix::io::FdFlags;
use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};
use rustix::process::{Gid, Resource, Rlimit, Uid};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
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
    /// Descriptors that stay open across exec, under their own numbers; no others but the first three do.
    pub keep: Vec<OwnedFd>,
    /// Which network it is in.
    pub network: Net,
}

/// The network that a new process is in.
#[derive(Debug, Default)]
pub(super) enum Net {
    /// The agent's.
    #[default]
    Same,
    /// A new one, with nothing in it. Root's right is needed for it, so only root can change it later.
    New,
    /// That of this file of `/proc/…/ns/net`.
    Of(OwnedFd),
}

/// Makes the command do all of it. The first failure ends the start with that error.
pub(super) fn prepare(command: &mut Command, before: Before) {
    let act = move || -> io::Result<()> {
        // A session of its own: the agent's terminal and its signals are none of its business.
        rustix::process::setsid()?;
        begin_with_defaults();
        for procs in &before.join {
            rustix::io::write(procs, b"0")?;
        }
        match &before.network {
            Net::Same => {}
            // SAFETY: this process has one thread, and a new network leaves its descriptors alone.
            Net::New => unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET)? },
            Net::Of(net) => move_into_link_name_space(net.as_fd(), Some(LinkNameSpaceType::Network))?,
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
        let most =
            rustix::process::getrlimit(Resource::Nofile).maximum.map_or(DESCRIPTORS, |most| most.min(DESCRIPTORS));
        rustix::process::setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: Some(most) })?;
        if let Some((uid, gid)) = before.account {
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
            rustix::thread::set_thread_groups(&[])?;
            rustix::thread::set_thread_res_gid(gid, gid, gid)?;
            rustix::thread::set_thread_res_uid(uid, uid, uid)?;
        }
        rustix::thread::set_no_new_privs(true)?;
        close_at_exec()?;
        for fd in &before.keep {
            rustix::io::fcntl_setfd(fd, FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: `act` makes system calls only; it neither allocates nor takes locks.
    unsafe { command.pre_exec(act) };
}

/// What a program may count on, whatever the agent was started with: a shell's `nohup`, a service manager's niceness.
/// What is not allowed to be set back stays as it is.
fn begin_with_defaults() {
    // The C library keeps two signals to itself and would leave them as they are, so the kernel is asked. All zeros is
    // the default, without flags.
    let (default, size) = ([0_usize; 4], size_of::<u64>());
    for signal in 1..=64 {
        // SAFETY: the kernel reads less than what is there, and a default disposition calls nothing of ours.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), std::ptr::null::<u8>(), size) };
    }
    // SAFETY: an empty set of signals is a plain value, filled in before it is read.
    unsafe {
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    let _ = rustix::process::setpriority_process(None, 0);
    if let Ok(score) = rustix::fs::open(c"/proc/self/oom_score_adj", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
        let _ = rustix::io::write(&score, b"0");
    }
}

/// Marks everything above the first three descriptors as closed at exec, also what others of the agent's code forgot to.
fn close_at_exec() -> io::Result<()> {
    let (first, last, flag) = (3_u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
    // SAFETY: only flags of descriptors change.
    if unsafe { libc::syscall(libc::SYS_close_range, first, last, flag) } == 0 {
        return Ok(());
    }
    // Kernels before 5.11 do not know it.
    let most = rustix::process::getrlimit(Resource::Nofile).current.unwrap_or(DESCRIPTORS).min(DESCRIPTORS);
    for fd in 3..i32::try_from(most).unwrap_or(i32::MAX) {
        // SAFETY: a number that is no descriptor is refused, and of one that is only the flag changes.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}

/// Waits until a descriptor can be read, which for a process descriptor means that the process has ended.
pub(super) async fn readable(fd: OwnedFd) -> io::Result<()> {
    // SAFETY: the descriptor is owned by the registration and by nothing else, so it stays open and the same until both end.
    let fd = unsafe { tokio::io::unix::AsyncFd::register_with_interest(fd, tokio::io::Interest::READABLE)? };
    fd.readable().await.map(drop)
}
