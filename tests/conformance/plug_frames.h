/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_CONFORMANCE_PLUG_FRAMES_H
#define TESTS_CONFORMANCE_PLUG_FRAMES_H 1

/* Hybrid plugs in this process's network namespace, and real frames through
 * them.
 *
 * A bridge has its tap, its uplink and a third device, each one end of a veth
 * pair; frames go in and come out at the other ends.  Where a frame leaves a
 * bridge is decided by its destination MAC address, which the bridge knows
 * beforehand.
 *
 * Whatever goes wrong fails and ends the running test (tests/lib/test.h). */

#include "tests/lib/eval.h"

#define PLUG_FRAMES_MAX 16      /* Plugs. */
#define PLUG_ENDS 3             /* Tap, uplink, the third device. */

struct plug_frames {
    struct plug_end {
        char device[SG_DEVICE_LEN];
        int fd;                 /* At its far end. */
    } ends[PLUG_FRAMES_MAX * PLUG_ENDS];
    struct {
        char name[SG_DEVICE_LEN];
    } bridges[PLUG_FRAMES_MAX];
    size_t n;                   /* Plugs. */
    uint32_t n_fences;
};

/* Makes the plugs; they go with the namespace.  Bridged packets pass the
 * tables. */
void plug_frames_init(struct plug_frames *, const struct sg_binding *,
                      size_t n);
void plug_frames_uninit(struct plug_frames *);

/* Sends what the packet is, from the device it comes from to the one it is to
 * leave by; a device that its bridge does not have is the third one.  It must
 * be bridged, not routed.  'number' is in its data. */
void plug_frames_send(struct plug_frames *, const struct eval_packet *,
                      uint32_t number);
/* Waits until nothing that was sent is on its way any more.  Sets 'passed' of
 * those numbers below 'n' that came out where they were to, false of the
 * others. */
void plug_frames_receive(struct plug_frames *, bool *passed, size_t n);

#endif /* tests/conformance/plug_frames.h */
