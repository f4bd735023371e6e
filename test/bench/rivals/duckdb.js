// duckdb.js FILE [all]: DuckDB loads newline-delimited JSON into a table of its own inference, on one thread, in memory.
// "all" makes it infer over the whole file instead of its sample. Prints the seconds, then what became of late.json's
// late keys and conflicts, counted in its table.
const { DuckDBInstance } = require('@duckdb/node-api');

const cpuSeconds = ({ user, system }) => (user + system) / 1e6;
const seconds = () => process.env.CLOCK === 'cpu' ? cpuSeconds(process.cpuUsage()) : performance.now() / 1000;

async function main(file, infer)
{
	const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
	const db = await instance.connect();
	const rows = async (sql) => (await db.runAndReadAll(sql)).getRowObjects();
	const options = infer === 'all' ? ', sample_size = -1' : '';
	const from = seconds();

	await db.run(`CREATE TABLE e AS SELECT * FROM read_json('${file}', format = 'newline_delimited'${options})`);
	console.log((seconds() - from).toFixed(3));

	const types = Object.fromEntries((await rows('DESCRIBE e')).map((c) => [c.column_name, c.column_type]));
	const filled = async (key) => types[key] ? (await rows(`SELECT count(${key}) AS n FROM e`))[0].n : 'no column';
	console.log(`${(await rows('SELECT count(*) AS n FROM e'))[0].n} rows; firmware: ${await filled('firmware')}; ` +
		`battery_pct: ${await filled('battery_pct')}; duration_ms became ${types.duration_ms}`);
}

main(...process.argv.slice(2)).catch((error) =>
{
	console.log(`failed\n${error.message.split('\n')[0]}`);
});
