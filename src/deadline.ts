/**
 * Waits for work, but not for ever. Work that is late goes on unheeded: the process ends soon after.
 *
 * @param what names the work in the error, such as "The cache's answer"
 * @throws {Error} after that many seconds
 */
export async function within<T>(seconds: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
