/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What cppcheck must know of Open vSwitch's macros to read our files without
 * Open vSwitch's headers (which take it minutes).  Only their control flow
 * matters here.  Never compiled. */

#define HMAP_FOR_EACH(NODE, MEMBER, HMAP) \
    for (NODE = sg_first(HMAP); NODE; NODE = sg_next(HMAP))
#define HMAP_FOR_EACH_SAFE(NODE, ...) \
    for (NODE = sg_first(); NODE; NODE = sg_next())
#define HMAP_FOR_EACH_WITH_HASH(NODE, MEMBER, HASH, HMAP) \
    for (NODE = sg_first(HMAP, HASH); NODE; NODE = sg_next(HMAP))
#define HMAP_FOR_EACH_IN_BUCKET(NODE, MEMBER, HASH, HMAP) \
    for (NODE = sg_first(HMAP, HASH); NODE; NODE = sg_next(HMAP))
#define HMAP_FOR_EACH_POP(NODE, MEMBER, HMAP) \
    for (NODE = sg_first(HMAP); NODE; NODE = sg_next(HMAP))
#define HMAP_FOR_EACH_INIT(NODE, MEMBER, HMAP, ...) \
    for (NODE = sg_first(HMAP); NODE; NODE = sg_next(HMAP))
#define HMAPX_FOR_EACH(NODE, HMAPX) \
    for (NODE = sg_first(HMAPX); NODE; NODE = sg_next(HMAPX))
#define LIST_FOR_EACH(ITER, MEMBER, LIST) \
    for (ITER = sg_first(LIST); ITER; ITER = sg_next(LIST))
#define LIST_FOR_EACH_SAFE(ITER, ...) \
    for (ITER = sg_first(); ITER; ITER = sg_next())
#define LIST_FOR_EACH_REVERSE(ITER, MEMBER, LIST) \
    for (ITER = sg_first(LIST); ITER; ITER = sg_next(LIST))
#define LIST_FOR_EACH_POP(ITER, MEMBER, LIST) \
    for (ITER = sg_first(LIST); ITER; ITER = sg_next(LIST))
#define SHASH_FOR_EACH(NODE, SHASH) \
    for (NODE = sg_first(SHASH); NODE; NODE = sg_next(SHASH))
#define SHASH_FOR_EACH_SAFE(NODE, ...) \
    for (NODE = sg_first(); NODE; NODE = sg_next())
#define SSET_FOR_EACH(NAME, SSET) \
    for (NAME = sg_first(SSET); NAME; NAME = sg_next(SSET))
#define SSET_FOR_EACH_SAFE(NAME, ...) \
    for (NAME = sg_first(); NAME; NAME = sg_next())
#define SMAP_FOR_EACH(NODE, SMAP) \
    for (NODE = sg_first(SMAP); NODE; NODE = sg_next(SMAP))
#define SVEC_FOR_EACH(INDEX, NAME, SVEC) \
    for (INDEX = 0; (NAME = sg_at(SVEC, INDEX)); INDEX++)
#define UUID_FMT "%s"
#define UUID_ARGS(UUID) sg_text(UUID)
#define CONTAINER_OF(POINTER, TYPE, MEMBER) ((TYPE *) (void *) (POINTER))
#define ARRAY_SIZE(ARRAY) (sizeof (ARRAY) / sizeof (ARRAY)[0])
#define BUILD_ASSERT(EXPR) ((void) 0)
#define BUILD_ASSERT_DECL(EXPR) extern int sg_build_assert
#define OVS_WARN_UNUSED_RESULT
#define OVS_UNUSED
#define OVS_NOT_REACHED() abort()
#define OVS_PRINTF_FORMAT(FMT, ARG)
#define OVS_NO_RETURN
#define OVS_FALLTHROUGH
#define OVS_PACKED_ENUM
#define HMAP_INITIALIZER(HMAP) { 0 }
#define DS_EMPTY_INITIALIZER { 0 }
#define SHASH_INITIALIZER(SHASH) { 0 }
#define SSET_INITIALIZER(SSET) { 0 }
#define SMAP_INITIALIZER(SMAP) { 0 }
#define VLOG_RATE_LIMIT_INIT(RATE, BURST) { RATE, BURST }
#define VLOG_DEFINE_THIS_MODULE(NAME)
#define JSON_INTEGER_FORMAT "lld"
#define json_array_foreach(ARRAY, INDEX, VALUE) \
    for (INDEX = 0; (VALUE = sg_at(ARRAY, INDEX)); INDEX++)
#define json_object_foreach(OBJECT, KEY, VALUE) \
    for (KEY = sg_first(OBJECT); KEY && (VALUE = sg_at(OBJECT, KEY)); \
         KEY = sg_next(OBJECT))
#define json_object_foreach_safe(OBJECT, NEXT, KEY, VALUE) \
    for (KEY = sg_first(OBJECT); KEY && (VALUE = sg_at(OBJECT, KEY)); \
         KEY = sg_next(OBJECT))
