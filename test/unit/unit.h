/*
 * unit.h
 *	  The whole test harness: checks that say where they fail, and one TAP line per test.
 *
 *	  static void adds(void) { CHECK(1 + 1 == 2); }
 *	  int main(void) { RUN(adds); return unit_done(); }
 */
#ifndef UNIT_H
#define UNIT_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int unit_count;
static int unit_failed;
static int unit_said;
static bool unit_ok;

/* Says the first few failures of a test. */
static inline void
unit_check(bool ok, const char *file, int line, const char *what)
{
	if (!ok && unit_said++ < 10)
		printf("# %s:%d: %s\n", file, line, what);
	unit_ok = unit_ok && ok;
}

/* Texts, either may be NULL; says both when they differ. */
static inline void
unit_check_text(const char *got, const char *wanted, const char *file, int line)
{
	bool ok = got != NULL && wanted != NULL ? strcmp(got, wanted) == 0 : got == wanted;

	if (!ok)
		printf("# %s:%d: got \"%s\", wanted \"%s\"\n", file, line, got == NULL ? "(NULL)" : got,
			   wanted == NULL ? "(NULL)" : wanted);
	unit_ok = unit_ok && ok;
}

static inline void
unit_run(void (*test)(void), const char *name, const char *file)
{
	const char *slash = strrchr(file, '/');

	unit_ok = true;
	unit_said = 0;
	test();
	unit_failed += !unit_ok;
	printf("%s %d - %s %s\n", unit_ok ? "ok" : "not ok", ++unit_count, slash == NULL ? file : slash + 1,
		   name);
	fflush(stdout);
}

static inline int
unit_done(void)
{
	printf("1..%d\n", unit_count);
	return unit_failed != 0;
}

#define CHECK(condition) unit_check(condition, __FILE__, __LINE__, #condition)
#define CHECK_TEXT(got, wanted) unit_check_text(got, wanted, __FILE__, __LINE__)
#define RUN(test) unit_run(test, #test, __FILE__)

#endif /* UNIT_H */
