/* What the system calls random, made of a seed: preloaded into the process of one seed, so that ids, election
 * timeouts and the order of hash maps are the same in every run of it. Never a part of any product. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

static uint64_t state;

ssize_t getrandom(void *buffer, size_t length, unsigned int flags) {
    (void)flags;
    if (state == 0) {
        const char *seed = getenv("VESTA_SIM_RANDOM");
        state = (seed ? strtoull(seed, NULL, 10) : 0) + 0x9e3779b97f4a7c15u;
    }
    unsigned char *bytes = buffer;
    for (size_t i = 0; i < length; i++) {
        /* SplitMix64 (Steele, Lea and Flood 2014). */
        uint64_t z = __atomic_add_fetch(&state, 0x9e3779b97f4a7c15u, __ATOMIC_RELAXED);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        bytes[i] = (unsigned char)(z ^ (z >> 31));
    }
    return (ssize_t)length;
}

int getentropy(void *buffer, size_t length) {
    getrandom(buffer, length, 0);
    return 0;
}
