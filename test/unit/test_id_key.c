/*
 * test_id_key.c
 *	  Which keys of objects are data.
 */
#include "core/id_key.h"
#include "unit.h"

static void
ids_numbers_and_dates_are_data(void)
{
	static const char *const ids[] = {"7",
									  "17",
									  "-5",
									  "1.5",
									  "10.0.0.1",
									  "2024-06-01",
									  "2024",
									  "06/2024",
									  "12:30",
									  "2024-06-01T10:00:00Z",
									  "2024-06-01t10",
									  "550e8400-e29b-41d4-a716-446655440000",
									  "ABCDEFAB-ABCD-ABCD-ABCD-ABCDEFABCDEF",
									  "deadbeef01",
									  "5F3A9C1B",
									  "user_123456",
									  "sensor000123x",
									  "+31612345678"};

	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
	{
		if (!ep_key_is_id(ids[i], strlen(ids[i])))
			printf("# %s\n", ids[i]);
		CHECK(ep_key_is_id(ids[i], strlen(ids[i])));
	}
}

static void
names_are_not(void)
{
	static const char *const names[] = {"",
										"_",
										"-",
										"a",
										"os",
										"event_type",
										"x1",
										"gps5",
										"h264",
										"iso8601",
										"utf8",
										"decade",
										"facade",
										"deadbeef",
										"line_1",
										"v2024",
										"größe",
										"é1",
										"550e8400-e29b-41d4-a716-4x6x5x4x00g",
										"key 12345"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
	{
		if (ep_key_is_id(names[i], strlen(names[i])))
			printf("# %s\n", names[i]);
		CHECK(!ep_key_is_id(names[i], strlen(names[i])));
	}
}

int
main(void)
{
	RUN(ids_numbers_and_dates_are_data);
	RUN(names_are_not);
	return unit_done();
}
