/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "sg/latency.h"

#include "tests/lib/test.h"

static int64_t
quantile(const struct sg_latency *l, unsigned int per_mille)
{
    return sg_latency_quantile(l, SG_KIND_RULES, SG_LATENCY_STORED,
                               per_mille);
}

static void
add(struct sg_latency *l, int n, int64_t ms)
{
    while (n-- > 0) {
        sg_latency_add(l, SG_KIND_RULES, SG_LATENCY_STORED, ms);
    }
}

TEST(buckets)
{
    struct sg_latency l = { .counts[0][0][0] = 0 };

    add(&l, 1, -5);
    add(&l, 1, 1);
    add(&l, 1, 2);
    add(&l, 1, 10000);
    add(&l, 1, 10001);
    const uint64_t *n = l.counts[SG_KIND_RULES][SG_LATENCY_STORED];
    CHECK_UEQ(n[0], 2);
    CHECK_UEQ(n[1], 1);
    CHECK_UEQ(n[SG_LATENCY_BUCKETS - 2], 1);
    CHECK_UEQ(n[SG_LATENCY_BUCKETS - 1], 1);
    CHECK_UEQ(sg_latency_total(&l, SG_KIND_RULES, SG_LATENCY_STORED), 5);
    CHECK_UEQ(sg_latency_total(&l, SG_KIND_RULES, SG_LATENCY_KERNEL), 0);
}

TEST(quantiles)
{
    struct sg_latency l = { .counts[0][0][0] = 0 };

    CHECK_EQ(quantile(&l, 500), -1);
    add(&l, 1, 30);
    CHECK_EQ(quantile(&l, 500), 50);
    CHECK_EQ(quantile(&l, 999), 50);
    add(&l, 98, 3);
    CHECK_EQ(quantile(&l, 500), 5);
    CHECK_EQ(quantile(&l, 990), 50);
    add(&l, 1, 3);
    CHECK_EQ(quantile(&l, 990), 5);
    CHECK_EQ(quantile(&l, 1000), 50);
    add(&l, 1000, 99999);
    CHECK_EQ(quantile(&l, 500), INT64_MAX);
}

TEST(merge)
{
    struct sg_latency a = { .counts[0][0][0] = 0 }, b = a;

    add(&a, 3, 1);
    add(&b, 4, 1);
    sg_latency_add(&b, SG_KIND_PORT, SG_LATENCY_KERNEL, 1);
    sg_latency_merge(&a, &b);
    CHECK_UEQ(sg_latency_total(&a, SG_KIND_RULES, SG_LATENCY_STORED), 7);
    CHECK_UEQ(sg_latency_total(&a, SG_KIND_PORT, SG_LATENCY_KERNEL), 1);
}
