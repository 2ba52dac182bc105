/* What the benchmark measures with, and what it measures against: one static program without a C library.
 *
 *   floor fork|vfork|forward COMMAND [ARGUMENT...]   an init that does the least a program can do
 *   floor deadline TIME COMMAND [ARGUMENT...]        the same for an init that kills everybody, TIME ms after SIGTERM
 *   floor child ROLE MEMORY COUNT BURST              the main child, under any init
 *   floor drive MODE MEMORY COUNT LIMIT INIT [ARGUMENT...]
 *                                                    starts an init as PID 1 of a namespace and measures it,
 *                                                    for at most LIMIT seconds
 *
 * MEMORY is a file that the child and the driver both map: time stamps go through it, so that no write of
 * them wakes anybody. All of it makes raw system calls only; errors end the program with a line that says so. */

#include <asm/unistd.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/time.h>
#include <stddef.h>
#include <stdint.h>

/* Values of the kernel's interface whose headers bring the C library's names with them. */
enum {
    OPEN_READ = 0, OPEN_WRITE = 1, OPEN_READ_WRITE = 2, OPEN_NO_WAIT = 04000, AT_CWD = -100, NAMED_PIPE = 0010600,
    POLL_HANG_UP = 16, MOUNT_PRIVATE = 1 << 18, MOUNT_RECURSIVE = 1 << 14,
    PROTECTION_READ_WRITE = 3, MAP_FOR_ALL = 1, MAP_NO_FILE = 32,
    SIGNAL_KILL = 9, SIGNAL_USR1 = 10, SIGNAL_TERM = 15, SIGNAL_CHLD = 17,
    MASK_BLOCK = 0, MASK_SET = 2, MASK_SIZE = 8,
    WAIT_NO_HANG = 1, WAIT_EXITED = 4, WAIT_KEEP = 0x01000000, WAIT_FOR_PID = 1, WAIT_ALL = 0x40000000,
    SET_DEATH_SIGNAL = 1, SET_SUBREAPER = 36, TIMER_REAL = 0, CLOCK = 1, SCHEDULE_FIFO = 1, ERROR_NO_PROCESS = -3,
};

/* ---- the kernel's door ---- */

#if defined(__x86_64__)
static long call(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* A child that runs a function on a stack of its own, as a child that shares memory has to. */
static long clone_on(unsigned long flags, void *stack, void (*function)(void *), void *argument)
{
    long result;
    register long r10 __asm__("r10") = 0;
    register long r8 __asm__("r8") = 0;
    register void (*r12)(void *) __asm__("r12") = function;
    register void *r13 __asm__("r13") = argument;
    __asm__ volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\txor %%ebp, %%ebp\n\tmov %%r13, %%rdi\n\tcall *%%r12\n\thlt\n1:"
                     : "=a"(result)
                     : "a"((long)__NR_clone), "D"(flags), "S"(stack), "d"(0L), "r"(r10), "r"(r8), "r"(r12), "r"(r13)
                     : "rcx", "r11", "memory");
    return result;
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n");
#elif defined(__aarch64__)
static long call(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}

static long clone_on(unsigned long flags, void *stack, void (*function)(void *), void *argument)
{
    register long x8 __asm__("x8") = __NR_clone;
    register long x0 __asm__("x0") = (long)flags;
    register void *x1 __asm__("x1") = stack;
    register long x2 __asm__("x2") = 0;
    register long x3 __asm__("x3") = 0;
    register long x4 __asm__("x4") = 0;
    register void (*x9)(void *) __asm__("x9") = function;
    register void *x10 __asm__("x10") = argument;
    __asm__ volatile("svc 0\n\tcbnz x0, 1f\n\tmov x29, xzr\n\tmov x0, x10\n\tblr x9\n\tbrk 0\n1:"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x9), "r"(x10)
                     : "x30", "memory");
    return x0;
}

__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x0, sp\n\tbl begin\n");
#else
#error "not ported to this architecture"
#endif

#define CALL0(n) call(n, 0, 0, 0, 0, 0, 0)
#define CALL1(n, a) call(n, (long)(a), 0, 0, 0, 0, 0)
#define CALL2(n, a, b) call(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define CALL3(n, a, b, c) call(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define CALL4(n, a, b, c, d) call(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define CALL5(n, a, b, c, d, e) call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define CALL6(n, a, b, c, d, e, f) call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static _Noreturn void quit(int status)
{
    for (;;)
        CALL1(__NR_exit_group, status);
}

static size_t length(const char *text)
{
    size_t n = 0;
    while (text[n])
        n++;
    return n;
}

static int equal(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

static _Noreturn void fail(const char *what)
{
    CALL3(__NR_write, 2, "floor: ", 7);
    CALL3(__NR_write, 2, what, length(what));
    CALL3(__NR_write, 2, "\n", 1);
    quit(1);
}

static long check(long result, const char *what)
{
    if (result < 0)
        fail(what);
    return result;
}

static uint64_t now(void)
{
    struct __kernel_timespec { int64_t seconds, nanoseconds; } time;
    CALL2(__NR_clock_gettime, CLOCK, &time);
    return (uint64_t)time.seconds * 1000000000u + (uint64_t)time.nanoseconds;
}

static void nap(long microseconds)
{
    int64_t time[2] = { microseconds / 1000000, microseconds % 1000000 * 1000 };
    CALL2(__NR_nanosleep, time, 0);
}

static _Noreturn void sleep_for_ever(void)
{
    for (;;)
        nap(1000000000);
}

static long fork(void)
{
    return CALL5(__NR_clone, SIGNAL_CHLD, 0, 0, 0, 0);
}

static long number(const char *text)
{
    long value = 0;
    if (!*text)
        fail("a number is missing");
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            fail("not a number");
        value = value * 10 + (*text - '0');
    }
    return value;
}

/* What is measured about a deadline is when the init acts, not when the scheduler lets its child die and the driver see
 * it on a processor that is full of dying processes: these two run before all others. So does the init where the
 * question is when it kills its child and how long it leaves a signal alone; where it is how fast everybody dies, it
 * has its fair share. */
enum { ORDINARY, INIT_FIRST, CHILD_FIRST, DRIVER_FIRST };

static void run_before_others(int32_t priority)
{
    check(CALL3(__NR_sched_setscheduler, 0, priority == ORDINARY ? 0 : SCHEDULE_FIFO, &priority),
          "no real-time priority");
}

static const uint64_t all_signals = ~(uint64_t)0, no_signals = 0;

/* ---- what the child and the driver share ---- */

struct shared {
    uint32_t ready;    /* the child runs and has all signals blocked */
    uint32_t go;       /* the driver lets the child begin its work */
    uint32_t done;     /* the work is over */
    uint32_t arrivals; /* signals that the child has received */
    uint64_t exec_at, first_at, arrived_at, last_at;
};

static struct shared *map(const char *path)
{
    long file = check(CALL4(__NR_openat, AT_CWD, path, OPEN_READ_WRITE, 0), "cannot open the shared file");
    long memory = CALL6(__NR_mmap, 0, 4096, PROTECTION_READ_WRITE, MAP_FOR_ALL, file, 0);
    if (memory < 0 && memory > -4096)
        fail("cannot map the shared file");
    CALL1(__NR_close, file);
    return (struct shared *)memory;
}

/* Each word has one writer. */
static void announce(uint32_t *word)
{
    __atomic_store_n(word, *word + 1, __ATOMIC_SEQ_CST);
    CALL6(__NR_futex, word, FUTEX_WAKE, 1, 0, 0, 0);
}

/* Sleeps while the word has the old value. A driver looks after the init now and then, should it be gone. */
static void await(uint32_t *word, uint32_t old, long init)
{
    while (__atomic_load_n(word, __ATOMIC_SEQ_CST) == old) {
        int64_t second[2] = { 1, 0 };
        CALL6(__NR_futex, word, FUTEX_WAIT, old, second, 0, 0);
        if (init && CALL4(__NR_wait4, init, 0, WAIT_NO_HANG, 0) != 0)
            fail("the init ended too early");
    }
}

/* ---- inits ---- */

static char child_stack[4096] __attribute__((aligned(16)));

struct command {
    char **arguments, **environment;
};

static void execute(void *argument)
{
    struct command *command = argument;
    CALL3(__NR_execve, command->arguments[0], command->arguments, command->environment);
    quit(127);
}

static int exit_status(int status)
{
    return status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff;
}

/* vfork + exec, or fork + setpgid + exec, and then a loop of nothing but wait4(2). */
static _Noreturn void bare_spawn(struct command command, int shares_memory)
{
    long child;
    if (shares_memory) {
        child = clone_on(CLONE_VM | CLONE_VFORK | SIGNAL_CHLD, child_stack + sizeof child_stack, execute, &command);
    } else {
        child = fork();
        if (child == 0) {
            CALL2(__NR_setpgid, 0, 0);
            execute(&command);
        }
    }
    check(child, "cannot fork");
    for (;;) {
        int status;
        if (CALL4(__NR_wait4, -1, &status, WAIT_ALL, 0) == child)
            quit(exit_status(status));
    }
}

/* fork + setpgid + exec, with all signals blocked in this process alone. */
static long start_with_signals_blocked(struct command *command)
{
    uint64_t mask;
    CALL4(__NR_rt_sigprocmask, MASK_BLOCK, &all_signals, &mask, MASK_SIZE);
    long child = fork();
    if (child == 0) {
        CALL2(__NR_setpgid, 0, 0);
        CALL4(__NR_rt_sigprocmask, MASK_SET, &mask, 0, MASK_SIZE);
        execute(command);
    }
    return check(child, "cannot fork");
}

/* fork + setpgid + exec, and then a loop of rt_sigtimedwait(2) and kill(2), or wait4(2). */
static _Noreturn void bare_forward(struct command command)
{
    long child = start_with_signals_blocked(&command);
    for (;;) {
        long signal = CALL4(__NR_rt_sigtimedwait, &all_signals, 0, 0, MASK_SIZE);
        if (signal != SIGNAL_CHLD) {
            CALL2(__NR_kill, child, signal);
            continue;
        }
        int status;
        long reaped;
        while ((reaped = CALL4(__NR_wait4, -1, &status, WAIT_NO_HANG | WAIT_ALL, 0)) > 0)
            if (reaped == child)
                quit(exit_status(status));
    }
}

/* A path with one more word behind it. */
static const char *join(char *place, size_t size, const char *first, const char *second)
{
    size_t n = 0;
    for (; *first && n + 1 < size; first++)
        place[n++] = *first;
    for (; *second && n + 1 < size; second++)
        place[n++] = *second;
    place[n] = 0;
    return place;
}

/* Reads each /proc/PID/stat once, and kills the process: everybody but this one and process 1. */
static void kill_everybody(void)
{
    static char entries[1 << 15];
    long own = CALL0(__NR_getpid);
    long proc = check(CALL4(__NR_openat, AT_CWD, "/proc", OPEN_READ, 0), "cannot open /proc");
    long size;
    while ((size = CALL3(__NR_getdents64, proc, entries, sizeof entries)) > 0)
        for (long at = 0; at < size; at += *(uint16_t *)(entries + at + 16)) {
            char path[32], content[1024];
            const char *name = entries + at + 19;
            if (*name < '0' || *name > '9' || number(name) == 1 || number(name) == own)
                continue;
            long file = CALL4(__NR_openat, proc, join(path, sizeof path, name, "/stat"), OPEN_READ, 0);
            if (file < 0)
                continue;
            CALL3(__NR_read, file, content, sizeof content);
            CALL1(__NR_close, file);
            CALL2(__NR_kill, number(name), SIGNAL_KILL);
        }
    CALL1(__NR_close, proc);
}

/* fork + setpgid + exec; SIGTERM is passed on, and so many milliseconds later everybody is killed. */
static _Noreturn void bare_deadline(long milliseconds, struct command command)
{
    CALL5(__NR_prctl, SET_SUBREAPER, 1, 0, 0, 0);
    long child = start_with_signals_blocked(&command);
    while (CALL4(__NR_rt_sigtimedwait, &all_signals, 0, 0, MASK_SIZE) != SIGNAL_TERM)
        ;
    CALL2(__NR_kill, child, SIGNAL_TERM);
    nap(milliseconds * 1000);
    kill_everybody();
    int status;
    while (CALL4(__NR_wait4, -1, &status, WAIT_ALL, 0) != child)
        ;
    quit(exit_status(status));
}

/* ---- the main child ---- */

static char maker_stack[4096] __attribute__((aligned(16)));
static char orphan_stack[4096] __attribute__((aligned(16)));

static void orphan(void *unused)
{
    (void)unused;
    quit(0);
}

/* Leaves zombies behind, which become the init's when it ends itself. */
static void maker(void *argument)
{
    for (long left = *(long *)argument; left > 0; left--)
        check(clone_on(CLONE_VM | CLONE_VFORK | SIGNAL_CHLD, orphan_stack + sizeof orphan_stack, orphan, 0),
              "cannot make an orphan");
    quit(0);
}

/* As many orphans as asked for, so many at a time: with 1 this is the double fork of a daemon. */
static void make_orphans(long count, long burst)
{
    for (; count > 0; count -= burst) {
        long next = count < burst ? count : burst;
        long pid = check(clone_on(CLONE_VM | CLONE_VFORK | SIGNAL_CHLD, maker_stack + sizeof maker_stack, maker, &next),
                         "cannot make a maker of orphans");
        int status;
        if (CALL4(__NR_wait4, pid, &status, 0, 0) != pid || status != 0)
            fail("fewer orphans than asked for");
    }
}

/* Waits until the namespace holds nobody but the init and this process, neither alive nor as zombies. */
static void wait_until_alone(void)
{
    while (CALL2(__NR_kill, -1, 0) != ERROR_NO_PROCESS)
        nap(500);
}

static int32_t crowd[100000];

/* Orphans that live on: children of a process that ends. */
static void gather_crowd(long count)
{
    int32_t *memory = (int32_t *)CALL6(__NR_mmap, 0, sizeof crowd, PROTECTION_READ_WRITE, MAP_FOR_ALL | MAP_NO_FILE, -1, 0);
    if ((size_t)count > sizeof crowd / sizeof *crowd)
        fail("too large a crowd");
    long parent = check(fork(), "cannot fork");
    if (parent == 0) {
        for (long i = 0; i < count; i++) {
            long pid = check(fork(), "cannot gather a crowd");
            if (pid == 0) {
                /* They can be ended: an init may look for out-of-memory kills after a SIGKILL. */
                CALL4(__NR_rt_sigprocmask, MASK_SET, &no_signals, 0, MASK_SIZE);
                sleep_for_ever();
            }
            memory[i] = (int32_t)pid;
        }
        quit(0);
    }
    CALL4(__NR_wait4, parent, 0, 0, 0);
    for (long i = 0; i < count; i++)
        crowd[i] = memory[i];
}

/* Ends some of the crowd, spread over it, one at a time and each only when the one before is reaped. */
static void end_some(long count, long deaths)
{
    for (long i = 0; i < deaths; i++) {
        int32_t pid = crowd[i * count / deaths];
        CALL2(__NR_kill, pid, SIGNAL_TERM);
        while (CALL2(__NR_kill, pid, 0) != ERROR_NO_PROCESS)
            nap(50);
    }
}

/* The named pipes that tell who is dead: the main child alone holds the first one, everybody the second one. */
static const char main_pipe[] = ".main", all_pipe[] = ".all";

static long open_pipe(const char *memory, const char *name, long flags)
{
    char path[256];
    return check(CALL4(__NR_openat, AT_CWD, join(path, sizeof path, memory, name), flags, 0), "cannot open a named pipe");
}

/* So many processes, this one included, that are children of the init's, or each the child of the one before. */
static void gather_doomed(const char *memory, long count, int is_chain)
{
    run_before_others(ORDINARY);
    open_pipe(memory, all_pipe, OPEN_WRITE);
    uint32_t *made = (uint32_t *)CALL6(__NR_mmap, 0, 4096, PROTECTION_READ_WRITE, MAP_FOR_ALL | MAP_NO_FILE, -1, 0);
    long left = count - 1, first = check(fork(), "cannot fork");
    if (first == 0 && is_chain) {
        for (; left > 0; left--) {
            announce(made);
            if (left > 1 && check(fork(), "cannot make a chain") > 0)
                sleep_for_ever();
        }
        sleep_for_ever();
    }
    if (first == 0) {
        for (; left > 0; left--)
            if (check(fork(), "cannot make a crowd") == 0)
                sleep_for_ever();
        quit(0);
    }
    if (is_chain)
        while (__atomic_load_n(made, __ATOMIC_SEQ_CST) < count - 1)
            nap(1000);
    else
        CALL4(__NR_wait4, first, 0, 0, 0);
    open_pipe(memory, main_pipe, OPEN_WRITE);
    run_before_others(CHILD_FIRST);
}

static _Noreturn void main_child(uint64_t first_at, char **arguments)
{
    CALL4(__NR_rt_sigprocmask, MASK_SET, &all_signals, 0, MASK_SIZE);
    const char *role = arguments[0];
    struct shared *shared = map(arguments[1]);
    long count = number(arguments[2]), burst = number(arguments[3]);
    shared->first_at = first_at;
    if (equal(role, "crowd"))
        gather_crowd(count);
    else if (equal(role, "flat") || equal(role, "chain"))
        gather_doomed(arguments[1], count, equal(role, "chain"));
    announce(&shared->ready);
    if (equal(role, "end")) {
        await(&shared->go, 0, 0);
        shared->last_at = now();
        quit(0);
    } else if (equal(role, "orphans")) {
        /* As often as it is asked for. */
        for (uint32_t turn = 0;; turn++) {
            await(&shared->go, turn, 0);
            make_orphans(count, burst);
            wait_until_alone();
            /* One signal, for what an init touches then; a floor that only reaps never forwards it. */
            int64_t patience[2] = { 0, 100000000 };
            CALL2(__NR_kill, CALL0(__NR_getppid), SIGNAL_USR1);
            CALL4(__NR_rt_sigtimedwait, &all_signals, 0, patience, MASK_SIZE);
            announce(&shared->done);
        }
    } else if (equal(role, "paced")) {
        await(&shared->go, 0, 0);
        for (; count > 0; count--) {
            make_orphans(1, 1);
            wait_until_alone();
            nap(burst);
        }
        announce(&shared->done);
    } else if (equal(role, "signals")) {
        await(&shared->go, 0, 0);
        for (; count > 0; count--) {
            CALL2(__NR_kill, CALL0(__NR_getppid), SIGNAL_USR1);
            CALL4(__NR_rt_sigtimedwait, &all_signals, 0, 0, MASK_SIZE);
            nap(burst);
        }
        announce(&shared->done);
    } else if (equal(role, "crowd")) {
        await(&shared->go, 0, 0);
        end_some(count, burst);
        announce(&shared->done);
    } else if (equal(role, "storm")) {
        if (check(fork(), "cannot fork") == 0) {
            /* What is measured is the init under a storm, not the scheduler's idea of a fair share. */
            CALL3(__NR_setpriority, 0, 0, 19);
            await(&shared->go, 0, 0);
            make_orphans(count, burst);
            announce(&shared->done);
            quit(0);
        }
    } else if (equal(role, "flat") || equal(role, "chain")) {
        sleep_for_ever();
    } else if (!equal(role, "receive")) {
        fail("no such role");
    }
    for (;;) {
        long signal = CALL4(__NR_rt_sigtimedwait, &all_signals, 0, 0, MASK_SIZE);
        uint64_t time = now();
        if (signal == SIGNAL_USR1) {
            shared->arrived_at = time;
            announce(&shared->arrivals);
        } else if (signal == SIGNAL_TERM) {
            shared->last_at = now();
            quit(0);
        }
    }
}

/* ---- the driver ---- */

static char output[1 << 20];
static size_t used;

static void flush(void)
{
    size_t written = 0;
    while (written < used) {
        long result = check(CALL3(__NR_write, 1, output + written, used - written), "cannot write the results");
        written += (size_t)result;
    }
    used = 0;
}

static void put(const char *text, size_t size)
{
    if (used + size > sizeof output)
        flush();
    for (size_t i = 0; i < size; i++)
        output[used++] = text[i];
}

static char *decimal(char *end, uint64_t value)
{
    do
        *--end = (char)('0' + value % 10);
    while (value /= 10);
    return end;
}

static void say(const char *name, uint64_t value)
{
    char buffer[24], *end = buffer + sizeof buffer, *start = decimal(end, value);
    put(name, length(name));
    put(" ", 1);
    put(start, (size_t)(end - start));
    put("\n", 1);
}

/* A file of the init under /proc. */
static long read_file(long pid, const char *file, char *content, size_t size)
{
    char path[64], half[64], digits[24] = { 0 };
    char *start = decimal(digits + sizeof digits - 1, (uint64_t)pid);
    join(path, sizeof path, join(half, sizeof half, "/proc/", start), file);
    long descriptor = check(CALL4(__NR_openat, AT_CWD, path, OPEN_READ, 0), "cannot open a file in /proc");
    long length = check(CALL3(__NR_read, descriptor, content, size), "cannot read a file in /proc");
    CALL1(__NR_close, descriptor);
    return length;
}

/* One line of it. */
static void say_file(const char *name, long pid, const char *file)
{
    char content[1024];
    long size = read_file(pid, file, content, sizeof content);
    put(name, length(name));
    put(" ", 1);
    put(content, (size_t)size);
    if (size == 0 || content[size - 1] != '\n')
        put("\n", 1);
}

struct launch {
    struct command command;
    struct shared *shared;
    int has_deadline, times_answers;
};

static void become_init(void *argument)
{
    struct launch *launch = argument;
    /* Whoever ends this driver ends the init too, and with it the namespace. */
    CALL2(__NR_prctl, SET_DEATH_SIGNAL, SIGNAL_KILL);
    if (launch->has_deadline) {
        run_before_others(launch->times_answers ? INIT_FIRST : ORDINARY);
        check(CALL1(__NR_unshare, CLONE_NEWNS), "cannot make a mount namespace");
        CALL5(__NR_mount, 0, "/", 0, MOUNT_PRIVATE | MOUNT_RECURSIVE, 0);
        check(CALL5(__NR_mount, "proc", "/proc", "proc", 0, 0), "cannot mount /proc");
    }
    launch->shared->exec_at = now();
    execute(&launch->command);
}

static uint64_t wait_for_end(long init)
{
    char information[128];
    while (CALL5(__NR_waitid, WAIT_FOR_PID, init, information, WAIT_EXITED | WAIT_KEEP, 0) < 0)
        ;
    return now();
}

static uint64_t exchange(struct shared *shared, long init)
{
    uint32_t before = __atomic_load_n(&shared->arrivals, __ATOMIC_SEQ_CST);
    uint64_t sent_at = now();
    CALL2(__NR_kill, init, SIGNAL_USR1);
    await(&shared->arrivals, before, init);
    return shared->arrived_at - sent_at;
}

/* Process 1 of a namespace, when the init is not: it only reaps. */
static _Noreturn void bare_first(void)
{
    CALL2(__NR_prctl, SET_DEATH_SIGNAL, SIGNAL_KILL);
    CALL0(__NR_setsid);
    for (;;)
        if (CALL4(__NR_wait4, -1, 0, WAIT_ALL, 0) < 0)
            nap(1000);
}

/* Waits for the end of all who hold the other end of a named pipe, or for a moment: whether they have ended. */
static int has_ended(long descriptor, long microseconds)
{
    struct { int32_t descriptor; int16_t wanted, found; } poll = { (int32_t)descriptor, 0, 0 };
    int64_t time[2] = { microseconds / 1000000, microseconds % 1000000 * 1000 };
    return CALL5(__NR_ppoll, &poll, 1, time, 0, MASK_SIZE) > 0 && (poll.found & POLL_HANG_UP);
}

/* From the deadline until those are dead who hold this named pipe. */
static void time_deaths(const char *name, uint64_t deadline, long end)
{
    while (!has_ended(end, 60000000))
        ;
    uint64_t time = now();
    say(name, time < deadline ? 0 : time - deadline);
}

/* The signals that a process has not taken yet. */
static uint64_t pending(long pid)
{
    static char content[4096];
    static const char name[] = "ShdPnd:\t";
    long size = read_file(pid, "/status", content, sizeof content - 1);
    content[size] = 0;
    const char *at = content;
    for (; *at; at++) {
        size_t n = 0;
        while (name[n] && at[n] == name[n])
            n++;
        if (!name[n])
            break;
    }
    if (!*at)
        fail("no pending signals in /proc");
    uint64_t mask = 0;
    for (at += sizeof name - 1; *at != '\n'; at++)
        mask = mask * 16 + (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
    return mask;
}

/* The longest time in which the init took no signal, until everybody is dead. */
static void time_answers(long init, long all_end)
{
    uint64_t longest = 0;
    while (!has_ended(all_end, 0)) {
        uint64_t sent_at = now();
        CALL2(__NR_kill, init, SIGNAL_USR1);
        while (pending(init) & 1u << (SIGNAL_USR1 - 1) && !has_ended(all_end, 200))
            ;
        uint64_t taken = now() - sent_at;
        longest = taken > longest ? taken : longest;
        nap(1000);
    }
    say("answer", longest);
}

/* Ends this driver by SIGALRM, and with it the init and all that it started, when something hangs. */
static void limit(long seconds)
{
    int64_t timer[4] = { 0, 0, seconds, 0 };
    CALL3(__NR_setitimer, TIMER_REAL, timer, 0);
}

enum {
    SETTLE = 1000, /* microseconds in which an init comes to rest after the last thing that happened to it */
    PAUSE = 100,   /* microseconds between two signals */
};

static _Noreturn void drive(char **arguments, char **environment)
{
    const char *mode = arguments[0];
    struct shared *shared = map(arguments[1]);
    long count = number(arguments[2]), seconds = number(arguments[3]);
    int is_wrapper = equal(mode, "deadline-wrapper") || equal(mode, "answer-wrapper");
    int times_answers = equal(mode, "answer") || equal(mode, "answer-wrapper");
    int has_deadline = is_wrapper || times_answers || equal(mode, "deadline");
    struct launch launch = { { arguments + 4, environment }, shared, has_deadline, times_answers };
    long main_end = 0, all_end = 0;

    limit(seconds);
    CALL2(__NR_prctl, SET_DEATH_SIGNAL, SIGNAL_KILL);
    /* An init must neither take the terminal of whoever runs this nor be reached by its keys. */
    CALL0(__NR_setsid);
    if (has_deadline) {
        const char *names[] = { main_pipe, all_pipe };
        long *ends[] = { &main_end, &all_end };
        for (int i = 0; i < 2; i++) {
            char path[256];
            check(CALL4(__NR_mknodat, AT_CWD, join(path, sizeof path, arguments[1], names[i]), NAMED_PIPE, 0),
                  "cannot make a named pipe");
            *ends[i] = open_pipe(arguments[1], names[i], OPEN_READ | OPEN_NO_WAIT);
        }
    }
    if (is_wrapper) {
        check(CALL1(__NR_unshare, CLONE_NEWPID), "cannot make a PID namespace");
        if (check(fork(), "cannot fork") == 0)
            bare_first();
    }
    long init = check(clone_on((is_wrapper ? 0 : CLONE_NEWPID) | CLONE_VM | CLONE_VFORK | SIGNAL_CHLD, child_stack + sizeof child_stack,
                               become_init, &launch),
                      "cannot make a PID namespace");
    say("pid", (uint64_t)init);
    if (has_deadline)
        run_before_others(DRIVER_FIRST);
    await(&shared->ready, 0, init);
    say("start", shared->first_at - shared->exec_at);
    nap(SETTLE);

    if (equal(mode, "term") || equal(mode, "end")) {
        uint64_t asked_at = now();
        if (equal(mode, "term"))
            CALL2(__NR_kill, init, SIGNAL_TERM);
        else
            announce(&shared->go);
        uint64_t end_at = wait_for_end(init);
        say("stop", end_at - asked_at);
        say("end", end_at - shared->last_at);
        say_file("stat", init, "/stat");
        say_file("schedstat", init, "/schedstat");
    } else if (equal(mode, "signals")) {
        exchange(shared, init);
        nap(SETTLE);
        say_file("before", init, "/schedstat");
        for (long i = 0; i < count; i++) {
            /* Signals in close succession meet a scheduler that is in debt to one or the other; with a
             * pause all three start alike. */
            nap(PAUSE);
            say("latency", exchange(shared, init));
        }
        nap(SETTLE);
        say_file("after", init, "/schedstat");
    } else if (equal(mode, "storm")) {
        exchange(shared, init);
        announce(&shared->go);
        do {
            say("latency", exchange(shared, init));
            nap(PAUSE);
        } while (!__atomic_load_n(&shared->done, __ATOMIC_SEQ_CST));
    } else if (has_deadline) {
        uint64_t deadline = now() + (uint64_t)count * 1000000;
        CALL2(__NR_kill, init, SIGNAL_TERM);
        if (times_answers) {
            time_deaths("main_dead", deadline, main_end);
            time_answers(init, all_end);
        } else {
            time_deaths("all_dead", deadline, all_end);
        }
    } else if (equal(mode, "hold")) {
        /* A byte lets the child work, the end of the input ends the init; the reader of this looks in between. */
        char byte;
        limit(0);
        nap(count);
        put("ready 0\n", 8);
        flush();
        while (CALL3(__NR_read, 0, &byte, 1) > 0) {
            limit(seconds);
            uint32_t before = __atomic_load_n(&shared->done, __ATOMIC_SEQ_CST);
            announce(&shared->go);
            await(&shared->done, before, init);
            nap(SETTLE + count);
            put("done 0\n", 7);
            flush();
            limit(0);
        }
    } else {
        fail("no such mode");
    }
    CALL2(__NR_kill, init, SIGNAL_KILL);
    CALL4(__NR_wait4, init, 0, 0, 0);
    flush();
    quit(0);
}

__attribute__((used)) _Noreturn void begin(long *stack)
{
    long count = stack[0];
    char **arguments = (char **)(stack + 1), **environment = arguments + count + 1;
    if (count < 3)
        fail("fork|vfork|forward COMMAND..., deadline TIME COMMAND..., child ROLE MEMORY COUNT BURST, drive MODE MEMORY COUNT LIMIT INIT...");
    const char *mode = arguments[1];
    struct command command = { arguments + 2, environment };
    if (equal(mode, "child") && count == 6)
        main_child(now(), arguments + 2);
    if (equal(mode, "drive") && count > 6)
        drive(arguments + 2, environment);
    if (equal(mode, "deadline"))
        bare_deadline(number(arguments[2]), (struct command){ arguments + 3, environment });
    if (equal(mode, "forward"))
        bare_forward(command);
    if (equal(mode, "fork") || equal(mode, "vfork"))
        bare_spawn(command, equal(mode, "vfork"));
    fail("no such program");
}
