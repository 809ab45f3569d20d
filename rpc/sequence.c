/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "rpc/sequence.h"

#include "util.h"

const char *
rpc_order_name(enum rpc_order order)
{
    switch (order) {
    case RPC_ACCEPT:
        return "accept";
    case RPC_OLD:
        return "old";
    case RPC_GAP:
        return "gap";
    }
    OVS_NOT_REACHED();
}

enum rpc_order
rpc_order_whole(int64_t have, int64_t rev)
{
    return rev > have ? RPC_ACCEPT : RPC_OLD;
}

/* With nothing held ('have' is 0) every delta is a gap, also one that claims
 * to build on revision 0: what we hold may be in force from an older epoch,
 * and unknown is never empty. */
enum rpc_order
rpc_order_delta(int64_t have, int64_t prev, int64_t rev)
{
    if (rev <= have) {
        return RPC_OLD;
    }
    return have && prev == have ? RPC_ACCEPT : RPC_GAP;
}

/* An all-zero 'have' is older than every epoch. */
enum rpc_epoch_order
rpc_order_epoch(const struct sg_epoch *have, const struct sg_epoch *got)
{
    int cmp = sg_epoch_compare(got, have);

    return cmp < 0 ? RPC_EPOCH_OLD : cmp ? RPC_EPOCH_NEW : RPC_EPOCH_SAME;
}
