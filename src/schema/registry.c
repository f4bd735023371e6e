/*
 * registry.c
 *	  Writes to the column registry.
 */
#include "schema/registry.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "schema/catalog.h"
#include "schema/type_map.h"
#include "storage/lock.h"
#include "utils/builtins.h"

#define ADVISORY_CLASS 0x45504950 /* "EPIP": keeps clear of users' own advisory locks */

void
ep_registry_add_path(EpTarget *target, const char *path, const char *identity, const char *column_name,
					 AttrNumber attnum, EpType type, bool variant, const char *description, int64 raw_id)
{
	static EpStatement statement = {
		"INSERT INTO event_pipeline._attribute"
		" (target_id, path, identity, column_name, column_type, description, raw_id, variant, attnum)"
		" VALUES ($1, $2, $3, $4::name, $5::regtype, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
		9,
		{INT4OID, TEXTOID, TEXTOID, TEXTOID, OIDOID, TEXTOID, INT8OID, BOOLOID, INT2OID}};
	Datum values[9] = {Int32GetDatum(target->id),
					   CStringGetTextDatum(path),
					   CStringGetTextDatum(identity),
					   CStringGetTextDatum(column_name),
					   ObjectIdGetDatum(ep_type_oid(type)),
					   description == NULL ? (Datum) 0 : CStringGetTextDatum(description),
					   Int64GetDatum(raw_id),
					   BoolGetDatum(variant),
					   Int16GetDatum(attnum)};
	char nulls[10] = "         ";

	nulls[5] = description == NULL ? 'n' : ' ';
	ep_catalog_run(&statement, values, nulls);
}

void
ep_registry_add_map(EpStream *stream, const char *path, const char *identity, int64 raw_id)
{
	static EpStatement statement = {"INSERT INTO event_pipeline._map (stream_id, path, identity, raw_id)"
									" VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
									4,
									{INT4OID, TEXTOID, TEXTOID, INT8OID}};
	Datum values[4] = {Int32GetDatum(stream->id), CStringGetTextDatum(path), CStringGetTextDatum(identity),
					   Int64GetDatum(raw_id)};

	ep_catalog_run(&statement, values, NULL);
}

void
ep_registry_rename_column(EpTarget *target, const char *old, const char *name)
{
	static EpStatement statement = {
		"UPDATE event_pipeline._attribute SET column_name = $3::name WHERE target_id = $1 AND column_name = $2::name",
		3,
		{INT4OID, TEXTOID, TEXTOID}};
	Datum values[3] = {Int32GetDatum(target->id), CStringGetTextDatum(old), CStringGetTextDatum(name)};

	ep_catalog_run(&statement, values, NULL);
}

/* Under names that nobody has first: columns may have changed names with each other. */
void
ep_registry_follow_names(EpTarget *target)
{
	static EpStatement aside = {
		"UPDATE event_pipeline._attribute a SET column_name = '_ep_renamed_' || a.attnum FROM pg_catalog.pg_attribute p"
		" WHERE a.target_id = $1 AND p.attrelid = $2 AND p.attnum = a.attnum AND NOT a.dropped AND NOT p.attisdropped"
		" AND p.attname <> a.column_name",
		2,
		{INT4OID, OIDOID}};
	static EpStatement follow = {
		"UPDATE event_pipeline._attribute a SET column_name = p.attname FROM pg_catalog.pg_attribute p"
		" WHERE a.target_id = $1 AND p.attrelid = $2 AND p.attnum = a.attnum AND NOT a.dropped AND NOT p.attisdropped"
		" AND p.attname <> a.column_name",
		2,
		{INT4OID, OIDOID}};
	/* Whose column is gone must not have the name of one that is there: after a restore, names are all there is. */
	static EpStatement make_way = {
		"UPDATE event_pipeline._attribute a SET column_name = '_ep_gone_' || a.attnum FROM pg_catalog.pg_attribute p"
		" WHERE a.target_id = $1 AND p.attrelid = $2 AND p.attname = a.column_name AND p.attnum <> a.attnum"
		" AND NOT a.dropped AND NOT p.attisdropped",
		2,
		{INT4OID, OIDOID}};
	Datum values[2] = {Int32GetDatum(target->id), ObjectIdGetDatum(target->relation)};

	ep_catalog_run(&aside, values, NULL);
	ep_catalog_run(&follow, values, NULL);
	ep_catalog_run(&make_way, values, NULL);
}

void
ep_registry_drop_attribute(EpTarget *target, const char *identity, bool everywhere)
{
	static EpStatement statement = {
		"UPDATE event_pipeline._attribute SET dropped = true WHERE target_id = $1 AND identity = $2",
		2,
		{INT4OID, TEXTOID}};
	static EpStatement elsewhere = {
		"INSERT INTO event_pipeline._attribute"
		" (target_id, path, identity, column_name, column_type, dropped, description, first_seen, raw_id)"
		" SELECT DISTINCT ON (t.target_id) t.target_id, a.path, a.identity, a.column_name, a.column_type, true,"
		" a.description, a.first_seen, a.raw_id"
		" FROM event_pipeline._attribute a JOIN event_pipeline._target o ON o.target_id = a.target_id"
		" JOIN event_pipeline._target t ON t.stream_id = o.stream_id"
		" WHERE a.target_id = $1 AND a.identity = $2 AND NOT a.variant AND NOT EXISTS"
		" (SELECT FROM event_pipeline._attribute h WHERE h.target_id = t.target_id AND h.identity = $2)"
		" ON CONFLICT DO NOTHING",
		2,
		{INT4OID, TEXTOID}};
	Datum values[2] = {Int32GetDatum(target->id), CStringGetTextDatum(identity)};

	ep_catalog_run(&statement, values, NULL);
	if (everywhere)
		ep_catalog_run(&elsewhere, values, NULL);
}

int
ep_registry_add_target(EpStream *stream, const char *route, Oid relation)
{
	static EpStatement forget = {
		"DELETE FROM event_pipeline._target t WHERE t.stream_id = $1 AND t.route = $2"
		" AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.relation)",
		2,
		{INT4OID, TEXTOID}};
	static EpStatement statement = {
		"INSERT INTO event_pipeline._target (stream_id, route, relation, numbered) VALUES ($1, $2, $3::regclass, $3)"
		" RETURNING target_id",
		3,
		{INT4OID, TEXTOID, OIDOID}};
	static EpStatement inherit = {
		"INSERT INTO event_pipeline._attribute"
		" (target_id, path, identity, column_name, column_type, variant, dropped, description, first_seen, raw_id)"
		" SELECT $2, a.path, a.identity, a.column_name, a.column_type, a.variant, true, a.description, a.first_seen,"
		" a.raw_id FROM event_pipeline._attribute a JOIN event_pipeline._target t USING (target_id)"
		" WHERE t.stream_id = $1 AND t.route = '' AND a.dropped",
		2,
		{INT4OID, INT4OID}};
	Datum values[3] = {Int32GetDatum(stream->id), CStringGetTextDatum(route), ObjectIdGetDatum(relation)};
	bool isnull;

	ep_catalog_run(&forget, values, NULL);
	ep_catalog_run(&statement, values, NULL);
	values[1] = ep_catalog_datum(0, 1, &isnull);
	ep_catalog_run(&inherit, values, NULL);
	return DatumGetInt32(values[1]);
}

int
ep_registry_find_target(EpStream *stream, const char *route, Oid *relation)
{
	static EpStatement statement = {
		"SELECT t.target_id, t.relation FROM event_pipeline._target t"
		" JOIN pg_catalog.pg_class c ON c.oid = t.relation WHERE t.stream_id = $1 AND t.route = $2",
		2,
		{INT4OID, TEXTOID}};
	Datum values[2] = {Int32GetDatum(stream->id), CStringGetTextDatum(route)};
	bool isnull;

	if (ep_catalog_read(&statement, values) == 0)
		return 0;
	*relation = DatumGetObjectId(ep_catalog_datum(0, 2, &isnull));
	return DatumGetInt32(ep_catalog_datum(0, 1, &isnull));
}

Oid
ep_registry_view(int target_id)
{
	static EpStatement statement = {
		"SELECT bi_view FROM event_pipeline._target WHERE target_id = $1", 1, {INT4OID}};
	Datum values[1] = {Int32GetDatum(target_id)};
	bool isnull = true;
	Datum view = 0;

	if (ep_catalog_read(&statement, values) == 1)
		view = ep_catalog_datum(0, 1, &isnull);
	return isnull ? InvalidOid : DatumGetObjectId(view);
}

void
ep_registry_set_view(int target_id, Oid view)
{
	static EpStatement statement = {
		"UPDATE event_pipeline._target SET bi_view = $2::regclass WHERE target_id = $1",
		2,
		{INT4OID, OIDOID}};
	Datum values[2] = {Int32GetDatum(target_id), ObjectIdGetDatum(view)};

	ep_catalog_run(&statement, values, NULL);
}

int
ep_registry_recent_columns(const EpTarget *target)
{
	static EpStatement statement = {
		"SELECT pg_catalog.count(*)::int FROM (SELECT FROM event_pipeline._attribute WHERE target_id = $1"
		" GROUP BY column_name HAVING pg_catalog.min(first_seen) > pg_catalog.now() - interval '1 hour') c",
		1,
		{INT4OID}};
	Datum values[1] = {Int32GetDatum(target->id)};
	bool isnull;

	ep_catalog_read(&statement, values);
	return DatumGetInt32(ep_catalog_datum(0, 1, &isnull));
}

int
ep_registry_recent_targets(EpStream *stream)
{
	static EpStatement statement = {
		"SELECT pg_catalog.count(*)::int FROM event_pipeline._target"
		" WHERE stream_id = $1 AND route <> '' AND created_at > pg_catalog.now() - interval '1 hour'",
		1,
		{INT4OID}};
	Datum values[1] = {Int32GetDatum(stream->id)};
	bool isnull;

	ep_catalog_read(&statement, values);
	return DatumGetInt32(ep_catalog_datum(0, 1, &isnull));
}

bool
ep_registry_try_lock(int id, EpRegistryLock lock)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, ADVISORY_CLASS, id, lock);
	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}
