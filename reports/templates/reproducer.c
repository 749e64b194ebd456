/*
 * {{ claim.id | comment }}
 *
{% if says %}
 * {{ says | comment }}
 *
{% endif %}
 * The calls below were made on Linux {{ release | comment }}. This program makes them
 * again, in network namespaces of its own, and prints what each answers and
 * where that is not as before.
 *
 *   cc -std=c17 -Wall -Wextra -Werror -o reproducer reproducer.c
 *   sudo ./reproducer
 *
 * Exit status: 0 where all calls answer as they did there, 1 where not,
 * 77 where that cannot be tried.
{% if threads %}
 *
 * Several threads made them; here they are made by one, in the order in which
 * they returned. Where a call waits for what another thread did, that ends with
 * status 77.
{% endif %}
{% if obstacles %}
 *
 * What this program cannot do by itself:
{% for one in obstacles %}
 *   - {{ one | comment("    ") }}
{% endfor %}
 * So it only says so, and ends with status 77. With the argument "anyway" it
 * makes all calls that it can.
{% endif %}
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/param.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

{% for name, number in numbers %}
#ifndef {{ name }}
#define {{ name }} {{ number }}
#endif
{% endfor %}
#define CANNOT_TRY 77
#define FD INT32_MIN /* any descriptor will do */

static int others; /* answers that are not as before */

/* What a call answered, and whether it did so before: a number, any descriptor (FD), an error (-EAGAIN). */
static inline int answered(const char *call, long result, long before)
{
	long answer = result == -1 ? -errno : result;

	printf("%s = %ld%s%s", call, result, result == -1 ? " " : "", result == -1 ? strerrorname_np(errno) : "");
	if (before == FD ? answer < 0 : answer != before) {
		if (before == FD)
			printf("   <- not as before: a descriptor");
		else if (before < 0)
			printf("   <- not as before: %s", strerrorname_np((int)-before));
		else
			printf("   <- not as before: %ld", before);
		others++;
	}
	printf("\n");
	return (int)result;
}

#define CALL(before, ...) answered(#__VA_ARGS__, (__VA_ARGS__), before)
{% if uses("SAME", "SAME_BYTES") %}

static inline void compared(const char *what, long value, long before)
{
	printf("    %s = %ld", what, value);
	if (value != before) {
		printf("   <- not as before: %ld", before);
		others++;
	}
	printf("\n");
}

#define SAME(value, before) compared(#value, (long)(value), (long)(before))
{% endif %}
{% if uses("SAME_BYTES") %}

#define SAME_BYTES(before, length) compared("these bytes: " #before, memcmp(data, before, length) == 0, 1)
{% endif %}
{% if uses("data", "SAME_BYTES", "expect_message") %}

static char data[{{ room }}];
{% endif %}
{% if uses("value") %}
static int value;
{% endif %}
{% if uses("size", "ADDRESS", "same_address") %}
static socklen_t size;
{% endif %}
{% if uses("ADDRESS", "address", "same_address", "port_of_address", "expect_message") %}
static struct sockaddr_storage address;
{% endif %}
{% if uses("ADDRESS") %}
#define ADDRESS (struct sockaddr *)&address, &size
{% endif %}
{% if uses("IPV4") %}
#define IPV4(host, port) (struct sockaddr *)&(struct sockaddr_in) \
	{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = inet_addr(host)}
{% endif %}
{% if uses("IPV6") %}

static struct in6_addr ipv6(const char *host)
{
	struct in6_addr number;

	inet_pton(AF_INET6, host, &number);
	return number;
}

#define IPV6(host, port) (struct sockaddr *)&(struct sockaddr_in6) \
	{.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = ipv6(host)}
{% endif %}
{% if uses("UNIX") %}
#define UNIX(path) (struct sockaddr *)&(struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = path}
{% endif %}
{% if uses("same_address", "port_of_address") %}
#define ANY_PORT -1 /* the kernel chose it */

static inline in_port_t port_of_address(void)
{
	return ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
						  : ((struct sockaddr_in6 *)&address)->sin6_port);
}

static inline void same_address(const char *before, int port)
{
	char host[INET6_ADDRSTRLEN] = "";

	inet_ntop(address.ss_family,
		  address.ss_family == AF_INET ? (void *)&((struct sockaddr_in *)&address)->sin_addr
					       : (void *)&((struct sockaddr_in6 *)&address)->sin6_addr,
		  host, sizeof(host));
	printf("    address = %s port %d", host, port_of_address());
	if (strcmp(host, before) || (port != ANY_PORT && port != port_of_address())) {
		printf("   <- not as before: %s port %d", before, port);
		others++;
	}
	printf("\n");
}
{% endif %}
{% if uses("message") %}

static struct iovec vector;
static char control[1024] __attribute__((aligned(8)));
static struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
{% endif %}
{% if uses("expect_message") %}

static void expect_message(size_t room, size_t control_room)
{
	vector = (struct iovec){data, room};
	message.msg_name = &address;
	message.msg_namelen = sizeof(address);
	message.msg_control = control;
	message.msg_controllen = control_room;
}
{% endif %}
{% if uses("same_control", "control_number") %}

static inline struct cmsghdr *control_message(int place)
{
	struct cmsghdr *one = CMSG_FIRSTHDR(&message);

	while (one && place--)
		one = CMSG_NXTHDR(&message, one);
	return one;
}

static inline void same_control(int place, int level, int type, size_t length)
{
	struct cmsghdr *one = control_message(place);

	printf("    control message: level %d type %d length %zu", one ? one->cmsg_level : -1,
	       one ? one->cmsg_type : -1, one ? (size_t)one->cmsg_len : 0);
	if (!one || one->cmsg_level != level || one->cmsg_type != type || one->cmsg_len != length) {
		printf("   <- not as before: level %d type %d length %zu", level, type, length);
		others++;
	}
	printf("\n");
}

static inline int control_number(int place)
{
	struct cmsghdr *one = control_message(place);
	int number = -1;

	if (one)
		memcpy(&number, CMSG_DATA(one), sizeof(number));
	return number;
}
{% endif %}
{% if uses("prepare_message") %}

static void prepare_message(struct sockaddr *to, socklen_t length, const char *text, size_t room)
{
	vector = (struct iovec){(void *)text, room};
	message.msg_name = to;
	message.msg_namelen = length;
	message.msg_control = NULL;
	message.msg_controllen = 0;
}
{% endif %}
{% if uses("add_control") %}

static void add_control(int level, int type, const void *bytes, size_t length)
{
	struct cmsghdr *one = (struct cmsghdr *)(control + message.msg_controllen);

	*one = (struct cmsghdr){.cmsg_len = CMSG_LEN(length), .cmsg_level = level, .cmsg_type = type};
	memcpy(CMSG_DATA(one), bytes, length);
	message.msg_control = control;
	message.msg_controllen += CMSG_SPACE(length);
}
{% endif %}
{% if uses("set_effective") %}

/* The capabilities that count, of those that this thread may have. */
static int set_effective(uint64_t mask)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2];

	if (syscall(SYS_capget, &head, sets) == -1)
		return -1;
	sets[0].effective = sets[0].permitted & (uint32_t)mask;
	sets[1].effective = sets[1].permitted & (uint32_t)(mask >> 32);
	return (int)syscall(SYS_capset, &head, sets);
}
{% endif %}

static void cannot_try(const char *why)
{
	fprintf(stderr, "This cannot be tried: %s\n", why);
	exit(CANNOT_TRY);
}
{% if uses("set_sysctl") or hosts %}

static int set_sysctl(const char *name, const char *text)
{
	char path[256];
	int file, written;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	file = open(path, O_WRONLY | O_CLOEXEC);
	if (file == -1)
		return -1;
	written = (int)write(file, text, strlen(text));
	close(file);
	return written;
}
{% endif %}

static int this_namespace(void)
{
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* A new network namespace, and this thread inside. */
static int new_namespace(void)
{
	if (unshare(CLONE_NEWNET) == -1)
		cannot_try("it takes root's privileges to make a network namespace");
	return this_namespace();
}
{% if uses("new_host") or hosts %}

/* One with loopback up. */
static inline int new_host(void)
{
	struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int host = new_namespace(), sock = socket(AF_INET, SOCK_DGRAM, 0);

	ioctl(sock, SIOCSIFFLAGS, &loopback);
	close(sock);
	return host;
}
{% endif %}
{% if uses("enter") or hosts %}

static void enter(int namespace)
{
	if (setns(namespace, CLONE_NEWNET) == -1)
		cannot_try("no way into a network namespace");
}
{% endif %}
{% if hosts %}

__attribute__((format(printf, 1, 2))) static void run(const char *format, ...)
{
	char command[256];
	va_list words;

	va_start(words, format);
	vsnprintf(command, sizeof(command), format, words);
	va_end(words);
	if (system(command))
		cannot_try(command);
}

/* A veth pair between two hosts, 10.0.N.1 and 10.0.N.2, fd00:N::1 and fd00:N::2. */
static void join(int left, int right, int number)
{
	int ends[] = {left, right};

	enter(left);
	run("ip link add veth%d type veth peer name veth%d netns /proc/%d/fd/%d", number, number, getpid(), right);
	for (int end = 0; end < 2; end++) {
		enter(ends[end]);
		set_sysctl("net/ipv6/conf/all/accept_dad", "0");
		run("ip address add 10.0.%d.%d/24 dev veth%d", number, end + 1, number);
		run("ip link set veth%d up", number);
		run("ip address add fd00:%d::%d/64 dev veth%d nodad", number, end + 1, number);
	}
}
{% endif %}
{% if "router" in hosts %}

/* By the router, which has an end of both wires. */
static void route(int left, int router, int right)
{
	join(left, router, 1);
	join(router, right, 2);
	set_sysctl("net/ipv6/conf/all/forwarding", "1");
	enter(router);
	set_sysctl("net/ipv4/ip_forward", "1");
	set_sysctl("net/ipv6/conf/all/forwarding", "1");
	enter(left);
	run("ip route add default via 10.0.1.2 && ip route add default via fd00:1::2");
	enter(right);
	run("ip route add default via 10.0.2.1 && ip route add default via fd00:2::1");
}
{% endif %}
{% for test in tests %}

static void {{ test.function }}(void)
{
{% for line in test.lines %}
{% if line %}	{{ line }}{% endif %}

{% endfor %}
}
{% endfor %}

static void too_long(int number)
{
	static const char why[] = "A call did not return within 60 seconds.\n";

	(void)number;
	_exit(write(STDERR_FILENO, why, sizeof(why) - 1) == -1 ? CANNOT_TRY : {{ "CANNOT_TRY" if threads else "1" }});
}

int main({{ "int count, char **arguments" if obstacles else "void" }})
{
{% if obstacles %}
	if (count < 2 || strcmp(arguments[1], "anyway"))
		cannot_try({{ ("it takes " + obstacles | join("; ")) | quoted }});
{% endif %}
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGALRM, too_long);
	signal(SIGIO, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	alarm(60);
{% for test in tests %}
	printf("%s\n", {{ test.name | quoted }});
	{{ test.function }}();
{% endfor %}
	printf("\nDocumented: %s\n", {{ (says or claim.id) | quoted }});
	printf("%d of the answers are not as before.\n", others);
	return others ? 1 : 0;
}
