/*
 * The switch that Ubuntu's kernels have and Debian's do not, with nothing behind it: it says that user namespaces
 * are kept from programs without a profile. What keeps them is AppArmor itself, in the profile next to this file.
 */
#include <linux/module.h>
#include <linux/sysctl.h>

static int restricted = 1;

static struct ctl_table table[] = {
	{
		.procname = "apparmor_restrict_unprivileged_userns",
		.data = &restricted,
		.maxlen = sizeof(int),
		.mode = 0644,
		.proc_handler = proc_dointvec,
	},
};

static struct ctl_table_header *header;

static int __init start(void)
{
	header = register_sysctl("kernel", table);
	return header ? 0 : -ENOMEM;
}

static void __exit end(void)
{
	unregister_sysctl_table(header);
}

module_init(start);
module_exit(end);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("kernel.apparmor_restrict_unprivileged_userns, for tests");
