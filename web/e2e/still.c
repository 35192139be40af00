// Loaded into the browser of the tests, which runs on a machine that is a node as well. Each workload with a network of its own is a
// new interface there, and Chromium ends every request under way when the machine's addresses change (ERR_NETWORK_CHANGED). A browser
// that cannot listen for such changes takes the network for unchanged.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

int socket(int domain, int type, int protocol) {
  static int (*next)(int, int, int);
  if (domain == AF_NETLINK) {
    errno = EPERM;
    return -1;
  }
  if (next == 0) next = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
  return next(domain, type, protocol);
}
