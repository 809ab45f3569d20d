/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Any bytes as a table entry: the decoder survives them, and what it does not
 * call foreign is a rule that can be written.  First byte: the family; second:
 * what its target is said to be called. */

#include <config.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/iptables/ipt_codec.h"
#include "firewall/iptables/ipt_zone.h"
#include "openvswitch/util.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
set_index(void *aux, const char *name OVS_UNUSED,
          enum sg_family family OVS_UNUSED, uint16_t *index)
{
    uint16_t *last = aux;

    *index = *last;
    return 0;
}

static int
set_name(void *aux, uint16_t index, char name[FW_SET_LEN])
{
    uint16_t *last = aux;

    *last = index;
    ovs_strlcpy(name, "sg1-m4a-x", FW_SET_LEN);
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const targets[] = {
        "ACCEPT", "DROP", "RETURN", "sg1-out", "CT", "", "LOG",
    };
    uint16_t index = 0;

    if (size < 2) {
        return 0;
    }

    struct ipt_codec codec = { data[0] % SG_N_FAMILIES, set_index, set_name,
                               &index };
    const char *target = targets[data[1] % ARRAY_SIZE(targets)];
    size_t n = size - 2;
    struct ipt_entry_buf again;
    struct fw_zone_rule zone;
    struct fw_rule rule;
    /* Aligned, and exactly as long as it is. */
    uint8_t *entry = xmalloc(n ? n : 1);

    memcpy(entry, data + 2, n);
    ipt_decode(&codec, entry, n, target, &rule);
    if (rule.match != FW_M_FOREIGN
        && (ipt_encode(&codec, &rule, &again) || again.size != n)) {
        abort();
    }
    if (ipt_decode_zone(codec.family, entry, n, &zone)
        ? strnlen(zone.device, SG_DEVICE_LEN) >= SG_DEVICE_LEN
        : rule.match != FW_M_FOREIGN
          && (rule.verdict == FW_NOTRACK
              || (rule.verdict == FW_ZONE && rule.zone))) {
        abort();
    }
    free(entry);
    return 0;
}
