/*
 * replay.c
 *	  Run a fuzz harness over every file of a corpus folder, without libFuzzer; one TAP line.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay_file(const char *name)
{
	FILE *file = fopen(name, "rb");
	uint8_t *data = NULL;
	size_t size = 0;
	size_t room = 0;
	size_t n;

	if (file == NULL)
		return 1;
	do
	{
		if (room - size < 65536)
			data = realloc(data, room = room * 2 + 65536);
		n = fread(data + size, 1, room - size, file);
		size += n;
	} while (n > 0);
	fclose(file);
	printf("# %s\n", name); /* the last one said is the one that crashed */
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

int
main(int argc, char **argv)
{
	DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
	struct dirent *entry;
	int files = 0;
	int bad = 0;

	while (folder != NULL && (entry = readdir(folder)) != NULL)
	{
		char name[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof name, "%s/%s", argv[1], entry->d_name);
		bad += replay_file(name);
		files++;
	}
	if (folder != NULL)
		closedir(folder);
	printf("%s 1 - %d inputs of %s\n1..1\n", bad == 0 && files > 0 ? "ok" : "not ok", files,
		   argc == 2 ? argv[1] : "(no folder)");
	return bad != 0 || files == 0;
}
