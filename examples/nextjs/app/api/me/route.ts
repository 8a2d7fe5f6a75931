// A route handler: refreshes for itself, and hands the cookies on.
import { auth } from "../../../auth";

export async function GET(request: Request): Promise<Response> {
  const { status, user, setCookie } = await auth.navigate(request);
  const response = Response.json({ status, username: user?.username }, { status: status === "unknown" ? 503 : 200 });
  for (const cookie of setCookie) response.headers.append("Set-Cookie", cookie);
  return response;
}
