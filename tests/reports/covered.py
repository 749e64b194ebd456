"""Coverage of a kernel of one file, and a plan for it."""

from __future__ import annotations

from reports.coverage.model import Coverage, File, Function, Line
from reports.coverage.plan import Goal, Plan, Unreached

SOURCE = """\
int sk_setsockopt(struct sock *sk, int optname)
{
	switch (optname) {
	case SO_PRIORITY: {
		if (!able())
			return -EPERM;
		return 0; }
	case SO_TYPE:
	case SO_PROTOCOL:
		/* cannot be set */
	case SO_ERROR:
		ret = -ENOPROTOOPT;
		switch (val) {
		case SOME_VALUE:
			break;
		}
		break;
	default:
		ret = -EINVAL;
	}
	return ret;
}
"""
FILE = File(
    "net/core/sock.c",
    SOURCE,
    [Function("sk_setsockopt", 1, 22, 3)],
    [
        *(Line(1, 3, (), 0b11), Line(3, 3, (2, 1, 0), 0b11), Line(5, 2, (0, 2), 0b01), Line(6, 0)),
        *(Line(7, 2, (), 0b01), Line(12, 1, (), 0b10), Line(19, 0), Line(21, 1, (), 0b10)),
    ],
)
COVERAGE = Coverage("built:tiny 7.2.0", ["socket.7/SO_PRIORITY/value", "socket.7/SO_TYPE/set"], [FILE])
PLAN = Plan(
    (Goal("net/core/sock.c:sk_[gs]etsockopt", 80),),
    (
        Unreached("sk_setsockopt", "return -EPERM;", to_come="SO_PRIORITY without CAP_NET_ADMIN"),
        Unreached("sk_setsockopt", "*-ENOMEM*", reason="there is no memory"),
    ),
)

_REACHED = File(
    "net/core/whole.c",
    "int whole(void)\n{\n\treturn 0;\n}\n",
    [Function("whole", 1, 4, 1)],
    [Line(1, 3, (), 0b11), Line(3, 3, (), 0b11)],
)
WHOLE = Coverage("built:tiny 7.2.0", COVERAGE.claims, [_REACHED])
"""That of a function of which nothing is unreached, and that knows no option."""
WHOLE_PLAN = Plan((Goal("net/core/whole.c:whole", 80),))
