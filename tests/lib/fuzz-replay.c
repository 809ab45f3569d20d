/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The main() of a fuzz target that is built without a fuzzer: feeds it every
 * file of its corpus, tests/fuzz/corpus/X for the program fuzz-X, or the files
 * named on the command line.  A target fails by crashing. */

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INPUT_SIZE (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int replay_directory(const char *);
static void replay(const char *);

int
main(int argc, char *argv[])
{
    const char *slash = strrchr(argv[0], '/');
    const char *program = slash ? slash + 1 : argv[0];
    int n = argc - 1;

    if (argc > 1) {
        for (int i = 1; i < argc; i++) {
            replay(argv[i]);
        }
    } else {
        const char *name = strncmp(program, "fuzz-", 5) ? program
                                                        : program + 5;
        char directory[512];

        snprintf(directory, sizeof directory, "tests/fuzz/corpus/%s", name);
        n = replay_directory(directory);
    }
    if (!n) {
        printf("not ok - the corpus is empty\n");
    }
    printf("# %s: %d passed, %d failed, 0 skipped\n", program, n, !n);
    return n ? 0 : 1;
}

static int
replay_directory(const char *directory)
{
    DIR *stream = opendir(directory);
    const struct dirent *entry;
    int n = 0;

    if (!stream) {
        printf("%s: %s\n", directory, strerror(errno));
        return 0;
    }
    while ((entry = readdir(stream))) {
        char name[1024];

        if (entry->d_name[0] != '.') {
            snprintf(name, sizeof name, "%s/%s", directory, entry->d_name);
            replay(name);
            n++;
        }
    }
    closedir(stream);
    return n;
}

static void
replay(const char *name)
{
    FILE *stream = fopen(name, "r");
    uint8_t *whole = malloc(MAX_INPUT_SIZE);
    uint8_t *input;
    size_t size;

    if (!stream || !whole) {
        printf("%s: %s\n", name, strerror(errno));
        exit(1);
    }
    size = fread(whole, 1, MAX_INPUT_SIZE, stream);
    fclose(stream);

    /* Exactly as large as the input, so that a sanitizer sees an overrun. */
    input = malloc(size ? size : 1);
    if (!input) {
        abort();
    }
    memcpy(input, whole, size);
    free(whole);
    printf("# %s (%zu bytes)\n", name, size);
    fflush(stdout);
    LLVMFuzzerTestOneInput(input, size);
    free(input);
}
