import "@angular/compiler"; // templates are compiled in the browser here; your build does it ahead
import { HttpClient, provideHttpClient, withInterceptors } from "@angular/common/http";
import { Component, inject, provideZonelessChangeDetection, signal } from "@angular/core";
import { bootstrapApplication } from "@angular/platform-browser";
import { ActivatedRoute, Router, RouterOutlet, provideRouter } from "@angular/router";
import { createClient } from "@watchword/client";
import { firstValueFrom } from "rxjs";
import { AUTH_CLIENT, Auth, authGuard, authInterceptor } from "./auth.js";

declare const SERVER: string;

@Component({
  selector: "app-sign-in",
  template: ` <form (submit)="submit($event)">
    <label>Name <input name="username" autocomplete="username" required /></label>
    <label>Password <input name="password" type="password" autocomplete="current-password" required /></label>
    <button>Sign in</button>
    <p role="alert">{{ trouble() }}</p>
  </form>`,
})
class SignIn {
  readonly auth = inject(Auth);
  readonly router = inject(Router);
  readonly route = inject(ActivatedRoute);
  readonly trouble = signal("");

  async submit(event: Event) {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    try {
      await this.auth.client.signIn({ username: String(form.get("username")), password: String(form.get("password")) });
      await this.router.navigateByUrl(this.route.snapshot.queryParamMap.get("returnTo") ?? "/");
    } catch (error) {
      this.trouble.set((error as Error).message);
    }
  }
}

@Component({
  selector: "app-orders",
  template: ` <main>
    <p>
      Signed in as <b>{{ auth.state().user?.username }}</b
      >.
    </p>
    <button (click)="ask()">Ask for ten things at once</button>
    <button (click)="leave()">Sign out</button>
    <p role="status">{{ answer() }}</p>
  </main>`,
})
class Orders {
  readonly auth = inject(Auth);
  readonly http = inject(HttpClient);
  readonly router = inject(Router);
  readonly answer = signal("");

  async ask() {
    const once = () => firstValueFrom(this.http.get(`${SERVER}/api/test/user`, { responseType: "text" }));
    try {
      const answers = await Promise.all(Array.from({ length: 10 }, once));
      this.answer.set(`${answers.length} times: ${answers[0]}`);
    } catch (error) {
      this.answer.set((error as Error).message);
    }
  }

  async leave() {
    await this.auth.client.signOut();
    await this.router.navigateByUrl("/sign-in");
  }
}

@Component({ selector: "app-note", template: "<p>That is for administrators.</p>" })
class Forbidden {}

@Component({ selector: "app-admin", template: "<p>The administrator's corner.</p>" })
class Admin {}

@Component({ selector: "#app", imports: [RouterOutlet], template: "<router-outlet />" })
class App {}

await bootstrapApplication(App, {
  providers: [
    provideZonelessChangeDetection(),
    { provide: AUTH_CLIENT, useValue: createClient({ baseURL: SERVER, delivery: "cookie" }) },
    provideHttpClient(withInterceptors([authInterceptor])),
    provideRouter([
      { path: "", pathMatch: "full", redirectTo: "orders" },
      { path: "sign-in", component: SignIn },
      { path: "orders", component: Orders, canActivate: [authGuard()] },
      { path: "admin", component: Admin, canActivate: [authGuard("admin")] },
      { path: "forbidden", component: Forbidden },
    ]),
  ],
});
