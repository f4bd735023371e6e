# event_pipeline: an event warehouse inside PostgreSQL.
# The module list is the architecture: it orders the objects, the install SQL and who may include
# whom (only to the left).  test/lint/include_order reads it from here.
MODULES_ORDERED = core format type schema ddl ingest rollup lifecycle init

EXTENSION    = event_pipeline
EXTVERSION   = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(EXTENSION).control)
MODULE_big   = $(EXTENSION)
SOURCES      = $(foreach m,$(MODULES_ORDERED),$(sort $(wildcard src/$(m)/*.c src/$(m)/*/*.c)))
PROTO_C      = build/proto/google/protobuf/descriptor.pb-c.c
OBJS         = $(SOURCES:.c=.o) $(PROTO_C:.c=.o)
ALL_HEADERS  = $(wildcard src/*/*.h src/*/*/*.h) $(PROTO_C:.c=.h)
SQL          = $(foreach m,$(MODULES_ORDERED),$(sort $(wildcard src/$(m)/*.sql)))
DATA_built   = $(EXTENSION)--$(EXTVERSION).sql
DATA         = $(wildcard updates/*.sql)

REGRESS      = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --inputdir=. --load-extension=pg_partman --load-extension=event_pipeline
ISOLATION    = $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation --load-extension=pg_partman --load-extension=event_pipeline
TAP_TESTS    = 1
PROVE_TESTS  = test/t/*.pl

# PostgreSQL 15 does not hide symbols by itself; every extension shares one symbol space.
PG_CPPFLAGS  = -Isrc -Ibuild/proto -D'PGDLLEXPORT=__attribute__((visibility("default")))'
# Functions begin a cache line, so that a decoder's speed does not hang on where the linker happened to put it.
PG_CFLAGS    = -std=gnu11 -falign-functions=64 -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
               -Wno-missing-field-initializers -fvisibility=hidden
SHLIB_LINK   = $(shell pkg-config --libs libprotobuf-c) -lm
EXTRA_CLEAN  = build/proto $(EXTENSION)--*.sql

PG_CONFIG   ?= pg_config
PGXS        := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

PROTO_INCLUDE = $(shell pkg-config --variable=includedir protobuf)

$(DATA_built): $(SQL) $(EXTENSION).control Makefile
	@{ printf '%s\n' '\echo Use "CREATE EXTENSION $(EXTENSION)" to load this file. \quit'; cat $(SQL); } > $@

$(PROTO_C) $(PROTO_C:.c=.h) &: $(PROTO_INCLUDE)/google/protobuf/descriptor.proto
	@mkdir -p build/proto
	protoc-c --c_out=build/proto -I$(PROTO_INCLUDE) google/protobuf/descriptor.proto

# Generated code is not ours to mend.
$(PROTO_C:.c=.o) $(PROTO_C:.c=.bc): override CFLAGS += -w

# The loops over samples; as PostgreSQL does for its checksums.
src/format/gpmf/gpmf_values.o: CFLAGS += $(CFLAGS_VECTORIZE)

# PGXS does not track headers.
$(OBJS) $(OBJS:.o=.bc): $(ALL_HEADERS)
