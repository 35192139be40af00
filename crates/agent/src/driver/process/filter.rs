//! The filter of system calls under which workloads run: a classic BPF program that the kernel asks at each call.
//!
//! What ordinary programs never need and kernels have been broken by is refused: new namespaces, mounts, tracing, keys, BPF,
//! modules, asynchronous rings, sockets of unusual families. Calls that are newer than this list do not exist for a
//! workload (`ENOSYS`), so that a new kernel opens nothing. Only this machine's own calling convention is let through: a
//! process that calls as 32-bit programs or as x32 do is ended or refused, because every number means something else there.

use rustix::fs::MemfdFlags;
use std::fs::File;
use std::io::{self, Seek as _, Write as _};

const EPERM: u32 = libc::EPERM as u32;
const ENOSYS: u32 = libc::ENOSYS as u32;
const EAFNOSUPPORT: u32 = libc::EAFNOSUPPORT as u32;

const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;
const KILL: u32 = 0x8000_0000;

#[cfg(target_arch = "x86_64")]
const ARCH: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const ARCH: u32 = 0xC000_00B7;

/// The newest call that this list knows, `futex_requeue`; the same number everywhere.
const NEWEST: u32 = 456;

/// Every `CLONE_NEW…` that fits beside a signal in the argument of `clone`.
const NEW_NAMESPACE: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32;
const NEW_TIME: u32 = 0x80;
/// The oldest way to whole packets.
const SOCK_PACKET: u32 = 10;

/// Refused as forbidden.
const FORBIDDEN: &[libc::c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_nfsservctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// The same, of calls that only older machines have.
#[cfg(target_arch = "x86_64")]
const FORBIDDEN_HERE: &[libc::c_long] =
    &[libc::SYS__sysctl, libc::SYS_ioperm, libc::SYS_iopl, libc::SYS_sysfs, libc::SYS_uselib, libc::SYS_ustat];
#[cfg(not(target_arch = "x86_64"))]
const FORBIDDEN_HERE: &[libc::c_long] = &[];

/// Refused as not there: programs then take the older way, whose arguments can be looked at, or do without.
const ABSENT: &[libc::c_long] =
    &[libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];

/// One instruction as the kernel reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Op {
    code: u16,
    yes: u8,
    no: u8,
    k: u32,
}

const LOAD: u16 = 0x20;
const RETURN: u16 = 0x06;
const IF_EQUAL: u16 = 0x15;
const IF_ABOVE: u16 = 0x25;
const IF_ANY_BIT: u16 = 0x45;
const AND: u16 = 0x54;

/// Where the kernel puts the number, the convention and the low half of each argument.
const NUMBER: u32 = 0;
const CONVENTION: u32 = 4;
const fn argument(index: u32) -> u32 {
    // The machines that this is for put the low half first.
    16 + 8 * index
}

const fn op(code: u16, k: u32) -> Op {
    Op { code, yes: 0, no: 0, k }
}
const fn jump(code: u16, k: u32, yes: u8, no: u8) -> Op {
    Op { code, yes, no, k }
}
const fn answer(verdict: u32) -> Op {
    op(RETURN, verdict)
}

/// The program.
fn program() -> Vec<Op> {
    let mut all = vec![
        op(LOAD, CONVENTION),
        jump(IF_EQUAL, ARCH, 1, 0),
        answer(KILL),
        op(LOAD, NUMBER),
        // x32's numbers are above all others.
        jump(IF_ABOVE, NEWEST, 0, 1),
        answer(ERRNO | ENOSYS),
    ];
    for (calls, errno) in [(FORBIDDEN, EPERM), (FORBIDDEN_HERE, EPERM), (ABSENT, ENOSYS)] {
        for call in calls {
            all.extend([jump(IF_EQUAL, number(*call), 0, 1), answer(ERRNO | errno)]);
        }
    }
    for (call, mask) in [(libc::SYS_clone, NEW_NAMESPACE), (libc::SYS_unshare, NEW_NAMESPACE | NEW_TIME)] {
        looked_at(&mut all, call, &[op(LOAD, argument(0)), jump(IF_ANY_BIT, mask, 0, 1), answer(ERRNO | EPERM)]);
    }
    looked_at(&mut all, libc::SYS_socket, &socket());
    looked_at(&mut all, libc::SYS_socketpair, &[op(LOAD, argument(0)), unless(libc::AF_UNIX), refuse_family()]);
    looked_at(&mut all, libc::SYS_personality, &personality());
    // Typing into a terminal as if a person had.
    let typing = [0x5412, 0x541C].map(|request| [jump(IF_EQUAL, request, 0, 1), answer(ERRNO | EPERM)]).concat();
    looked_at(&mut all, libc::SYS_ioctl, &[&[op(LOAD, argument(1))], typing.as_slice()].concat());
    all.push(answer(ALLOW));
    all
}

fn number(call: libc::c_long) -> u32 {
    u32::try_from(call).expect("numbers of system calls are small")
}

/// Looks at the arguments of one call; what none of the steps answers is allowed.
fn looked_at(all: &mut Vec<Op>, call: libc::c_long, steps: &[Op]) {
    let over = u8::try_from(steps.len() + 1).expect("a few steps");
    all.push(jump(IF_EQUAL, number(call), 0, over));
    all.extend(steps);
    all.push(answer(ALLOW));
}

/// Skips the next step when the family is this one.
const fn unless(family: libc::c_int) -> Op {
    jump(IF_EQUAL, family as u32, 1, 0)
}
const fn refuse_family() -> Op {
    answer(ERRNO | EAFNOSUPPORT)
}

/// Local sockets, the internet's, and asking the kernel for addresses and routes; nothing raw.
fn socket() -> Vec<Op> {
    vec![
        op(LOAD, argument(0)),
        jump(IF_EQUAL, libc::AF_UNIX as u32, 9, 0),
        jump(IF_EQUAL, libc::AF_INET as u32, 4, 0),
        jump(IF_EQUAL, libc::AF_INET6 as u32, 3, 0),
        jump(IF_EQUAL, libc::AF_NETLINK as u32, 0, 7),
        op(LOAD, argument(2)),
        jump(IF_EQUAL, libc::NETLINK_ROUTE as u32, 4, 5),
        // The kind is in the low bits, beside flags.
        op(LOAD, argument(1)),
        op(AND, 0xf),
        jump(IF_EQUAL, libc::SOCK_RAW as u32, 3, 0),
        jump(IF_EQUAL, SOCK_PACKET, 2, 0),
        answer(ALLOW),
        refuse_family(),
        answer(ERRNO | EPERM),
    ]
}

/// Asking which it is, the usual one, and 32 bits of address space with or without; nothing that weakens the rest.
fn personality() -> Vec<Op> {
    let fine = [0, 0x0008, 0x0002_0000, 0x0002_0008, u32::MAX];
    let mut steps = vec![op(LOAD, argument(0))];
    for (at, value) in fine.iter().enumerate() {
        let over = u8::try_from(fine.len() - at).expect("a few values");
        steps.push(jump(IF_EQUAL, *value, over, 0));
    }
    steps.push(answer(ERRNO | EPERM));
    steps
}

/// The program in a file of its own, at its beginning.
pub(super) fn file() -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create(c"filter", MemfdFlags::CLOEXEC)?);
    let bytes: Vec<u8> = program()
        .iter()
        .flat_map(|op| {
            let [code_low, code_high] = op.code.to_ne_bytes();
            let [a, b, c, d] = op.k.to_ne_bytes();
            [code_low, code_high, op.yes, op.no, a, b, c, d]
        })
        .collect();
    file.write_all(&bytes)?;
    file.rewind()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERYTHING: u32 = ALLOW;

    /// What the kernel would answer.
    fn ask(convention: u32, call: u32, arguments: [u64; 3]) -> u32 {
        let (program, mut at, mut held) = (program(), 0, 0_u32);
        loop {
            let Op { code, yes, no, k } = program[at];
            let is = match code {
                RETURN => return k,
                LOAD => {
                    held = match k {
                        NUMBER => call,
                        CONVENTION => convention,
                        _ => arguments[usize::try_from((k - 16) / 8).unwrap()] as u32,
                    };
                    at += 1;
                    continue;
                }
                AND => {
                    held &= k;
                    at += 1;
                    continue;
                }
                IF_EQUAL => held == k,
                IF_ABOVE => held > k,
                IF_ANY_BIT => held & k != 0,
                other => panic!("no such instruction: {other:#x}"),
            };
            at += 1 + usize::from(if is { yes } else { no });
        }
    }
    fn here(call: libc::c_long, arguments: [u64; 3]) -> u32 {
        ask(ARCH, number(call), arguments)
    }

    #[test]
    fn s19_what_workloads_never_need_is_refused() {
        for call in FORBIDDEN.iter().chain(FORBIDDEN_HERE) {
            assert_eq!(here(*call, [0; 3]), ERRNO | EPERM, "{call}");
        }
        for call in ABSENT {
            assert_eq!(here(*call, [0; 3]), ERRNO | ENOSYS, "{call}");
        }
        for call in [NEWEST + 1, 600, 0x4000_0000, 0x4000_0000 + number(libc::SYS_mount), u32::MAX] {
            assert_eq!(ask(ARCH, call, [0; 3]), ERRNO | ENOSYS, "{call:#x}");
        }
        // As 32-bit programs call.
        for convention in [0x4000_0003, 0x4000_0028, 0] {
            assert_eq!(ask(convention, number(libc::SYS_getpid), [0; 3]), KILL, "{convention:#x}");
        }
    }

    #[test]
    fn s19_no_namespace_is_made_and_threads_are() {
        let thread = (libc::CLONE_VM | libc::CLONE_THREAD | libc::CLONE_SIGHAND | libc::CLONE_FILES) as u64;
        assert_eq!(here(libc::SYS_clone, [thread, 0, 0]), EVERYTHING);
        assert_eq!(here(libc::SYS_clone, [libc::SIGCHLD as u64, 0, 0]), EVERYTHING);
        assert_eq!(here(libc::SYS_unshare, [(libc::CLONE_FILES | libc::CLONE_FS) as u64, 0, 0]), EVERYTHING);
        for bit in [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000_u64] {
            for call in [libc::SYS_clone, libc::SYS_unshare] {
                assert_eq!(here(call, [bit | libc::SIGCHLD as u64, 0, 0]), ERRNO | EPERM, "{call} {bit:#x}");
            }
        }
        assert_eq!(here(libc::SYS_unshare, [0x80, 0, 0]), ERRNO | EPERM);
    }

    #[test]
    fn s19_sockets_are_local_or_of_the_internet() {
        let open = |family: i32, kind: i32, protocol: i32| {
            here(libc::SYS_socket, [family as u64, kind as u64, protocol as u64])
        };
        let kinds = [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK];
        for family in [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6] {
            for kind in kinds {
                assert_eq!(open(family, kind, 0), EVERYTHING, "{family} {kind}");
            }
        }
        assert_eq!(open(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE), EVERYTHING);
        for protocol in (0..32).filter(|protocol| *protocol != libc::NETLINK_ROUTE) {
            assert_eq!(open(libc::AF_NETLINK, libc::SOCK_RAW, protocol), ERRNO | EAFNOSUPPORT, "{protocol}");
        }
        for family in (0..64).filter(|f| ![libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK].contains(f))
        {
            assert_eq!(open(family, libc::SOCK_STREAM, 0), ERRNO | EAFNOSUPPORT, "{family}");
            assert_eq!(here(libc::SYS_socketpair, [family as u64, 1, 0]), ERRNO | EAFNOSUPPORT, "{family}");
        }
        assert_eq!(here(libc::SYS_socketpair, [libc::AF_UNIX as u64, 1, 0]), EVERYTHING);
        for family in [libc::AF_INET, libc::AF_INET6] {
            assert_eq!(open(family, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 1), ERRNO | EPERM, "{family}");
        }
    }

    #[test]
    fn s19_personalities_and_terminals_are_left_as_they_are() {
        for fine in [0, 8, 0x2_0000, 0x2_0008, u64::from(u32::MAX)] {
            assert_eq!(here(libc::SYS_personality, [fine, 0, 0]), EVERYTHING, "{fine:#x}");
        }
        for odd in [0x0040_0000, 0x0010_0000, 1] {
            assert_eq!(here(libc::SYS_personality, [odd, 0, 0]), ERRNO | EPERM, "{odd:#x}");
        }
        assert_eq!(here(libc::SYS_ioctl, [0, 0x5412, 0]), ERRNO | EPERM);
        assert_eq!(here(libc::SYS_ioctl, [0, 0x541C, 0]), ERRNO | EPERM);
        assert_eq!(here(libc::SYS_ioctl, [0, 0x5401, 0]), EVERYTHING);
        for plain in [libc::SYS_read, libc::SYS_mmap, libc::SYS_execve, libc::SYS_futex, libc::SYS_connect] {
            assert_eq!(here(plain, [0; 3]), EVERYTHING);
        }
    }
}
