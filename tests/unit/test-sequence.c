/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "rpc/sequence.h"

#include "tests/lib/test.h"

TEST(whole)
{
    CHECK_EQ(rpc_order_whole(0, 1), RPC_ACCEPT);
    CHECK_EQ(rpc_order_whole(4, 5), RPC_ACCEPT);
    CHECK_EQ(rpc_order_whole(4, 900), RPC_ACCEPT);
    CHECK_EQ(rpc_order_whole(5, 5), RPC_OLD);
    CHECK_EQ(rpc_order_whole(6, 5), RPC_OLD);
    CHECK_EQ(rpc_order_whole(INT64_MAX - 1, INT64_MAX), RPC_ACCEPT);
    CHECK_EQ(rpc_order_whole(INT64_MAX, 1), RPC_OLD);
}

TEST(delta)
{
    CHECK_EQ(rpc_order_delta(4, 4, 5), RPC_ACCEPT);
    CHECK_EQ(rpc_order_delta(4, 4, 9), RPC_ACCEPT);

    /* Repeated, overtaken by a whole list. */
    CHECK_EQ(rpc_order_delta(5, 4, 5), RPC_OLD);
    CHECK_EQ(rpc_order_delta(9, 4, 5), RPC_OLD);

    /* Lost one before it; built on something else than what we have. */
    CHECK_EQ(rpc_order_delta(4, 5, 6), RPC_GAP);
    CHECK_EQ(rpc_order_delta(4, 3, 5), RPC_GAP);

    /* Nothing held: an empty group is not the same as an unknown one. */
    CHECK_EQ(rpc_order_delta(0, 4, 5), RPC_GAP);
    CHECK_EQ(rpc_order_delta(0, 0, 1), RPC_GAP);
}

TEST(epoch)
{
    struct sg_epoch none = { 0, 0 };
    struct sg_epoch first = { 1000, 5 };
    struct sg_epoch second = { 1000, 6 };
    struct sg_epoch third = { 1001, 0 };

    CHECK_EQ(rpc_order_epoch(&none, &first), RPC_EPOCH_NEW);
    CHECK_EQ(rpc_order_epoch(&first, &first), RPC_EPOCH_SAME);
    CHECK_EQ(rpc_order_epoch(&first, &second), RPC_EPOCH_NEW);
    CHECK_EQ(rpc_order_epoch(&second, &first), RPC_EPOCH_OLD);
    CHECK_EQ(rpc_order_epoch(&second, &third), RPC_EPOCH_NEW);
    CHECK_EQ(rpc_order_epoch(&third, &second), RPC_EPOCH_OLD);
}

TEST(names)
{
    CHECK_STR(rpc_order_name(RPC_ACCEPT), "accept");
    CHECK_STR(rpc_order_name(RPC_OLD), "old");
    CHECK_STR(rpc_order_name(RPC_GAP), "gap");
}
